public class Typo {
    public static void main(String[] args) {
        int x = "text";
        undefined(x)
        String unclosed = ";
    }
}
