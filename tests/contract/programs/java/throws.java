public class Throws {
    static void inner() { throw new IllegalStateException("on purpose", new RuntimeException("the cause")); }
    public static void main(String[] args) { System.out.println("before"); Runnable step = () -> inner(); step.run(); }
}
