public class Reverse {
    public static void main(String[] args) {
        String text = new java.util.Scanner(System.in).next();
        System.out.println(new StringBuilder(text).reverse());
    }
}
