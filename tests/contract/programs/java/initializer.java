public class Init extends Base {
    static { System.out.println("init"); new Throwable("where").printStackTrace(); }
    public static void main(String[] args) { System.out.println("main"); }
}
class Base { static { System.out.println("base"); } }
