public class Handler {
    public static void main(String[] args) {
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> System.out.println(thread.getName() + " " + error));
        throw new RuntimeException("handled");
    }
}
