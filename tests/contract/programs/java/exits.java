public class Exits {
    public static void main(String[] args) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        try { System.exit(7); } finally { System.out.println("never"); }
    }
}
