public class Signals {
    public static void main(String[] args) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        new ProcessBuilder("kill", "-TERM", "" + ProcessHandle.current().pid()).start();
        Thread.sleep(60000);
    }
}
