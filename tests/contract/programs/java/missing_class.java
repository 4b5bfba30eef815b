public class Missing {
    public static void main(String[] args) throws Exception { Class.forName("not.There"); }
}
