import java.util.Scanner;
public class Input {
    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int n = in.nextInt(); in.nextLine();
        System.out.println(n + in.nextLine() + "|" + in.nextLine() + "|" + in.nextLine() + in.hasNext());
        in.nextLine();
    }
}
