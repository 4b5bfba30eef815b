import java.io.*;
import java.nio.file.*;
import java.util.*;
class Identity {
    public static void main(String[] args) throws Exception {
        Thread main = Thread.currentThread();
        System.out.println(main.getName() + main.getId() + main.getPriority() + main.isDaemon() + main.getThreadGroup().getName());
        System.out.println(main.getContextClassLoader() == ClassLoader.getSystemClassLoader());
        System.out.println(Identity.class.getClassLoader() == ClassLoader.getSystemClassLoader());
        System.out.println(Identity.class.getPackageName() + Identity.class.getProtectionDomain().getCodeSource().getLocation());
        Properties all = System.getProperties();
        all.remove("sun.java.launcher.pid");
        for (String name : new TreeSet<>(all.stringPropertyNames())) System.out.println(name + "=" + all.getProperty(name).trim());
        System.out.println(new TreeMap<>(System.getenv()));
        System.out.println(Class.forName("Other").getDeclaredConstructor().newInstance());
        System.out.println(Identity.class.getResource("Identity.class") + " " + ClassLoader.getSystemResource("Other.class"));
        System.out.println(new String(Identity.class.getResourceAsStream("/Identity.java").readAllBytes()).length());
        try (var files = Files.list(Path.of("."))) { System.out.println(files.map(Path::toString).sorted().toList()); }
        try (var descriptors = Files.list(Path.of("/proc/self/fd"))) {
            System.out.println(descriptors.map(path -> { try { return Files.readSymbolicLink(path).toString(); } catch (IOException gone) { return ""; } })
                .filter(target -> target.startsWith("socket")).count());
        }
        System.out.println(new Thread().getName() + " " + Charset() + Locale.getDefault() + TimeZone.getDefault().getID());
        System.out.println(Thread.getAllStackTraces().keySet().stream().filter(thread -> !thread.isDaemon()).map(Thread::getName).toList());
        System.out.println(Runtime.getRuntime().maxMemory() >> 20);
        int depth = new Throwable().getStackTrace().length;
        System.out.println(depth + " " + main.getStackTrace().length + StackWalker.getInstance().walk(frames -> frames.count()));
    }
    static String Charset() { return java.nio.charset.Charset.defaultCharset().name(); }
}
class Other { public String toString() { return "another class"; } }
