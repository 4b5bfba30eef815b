public class Hooks {
    public static void main(String[] args) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook of " + Thread.currentThread().getName())));
        throw new Error("after the hook was set");
    }
}
