public class Much {
    public static void main(String[] args) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < 99; i++) line.append('x');
        for (int i = 0; i < 5000; i++) System.out.println(line);
        System.out.print("no end of line");
    }
}
