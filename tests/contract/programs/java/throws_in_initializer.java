public class Throws {
    static int zero = 0, value = 1 / zero;
    public static void main(String[] args) { System.out.println("never"); }
}
