import java.util.*;
public class Traces {
    public static void main(String[] args) throws Exception {
        new Throwable("here").printStackTrace();
        Thread.dumpStack();
        List.of(1).forEach(one -> new Throwable("in lambda").printStackTrace());
        System.out.println(Arrays.toString(Thread.currentThread().getStackTrace()));
        StackWalker.getInstance().forEach(System.out::println);
        Traces.class.getMethod("reflected").invoke(null);
        Thread other = new Thread(() -> { throw new RuntimeException("in a thread"); });
        other.start(); other.join();
        System.out.println(other.getName());
    }
    public static void reflected() { new Throwable("reflected").printStackTrace(System.out); }
}
