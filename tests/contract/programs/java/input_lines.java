import java.io.*;
public class Input {
    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) System.out.println("[" + line + "]");
        System.out.println(System.in.read() + " " + System.console());
    }
}
