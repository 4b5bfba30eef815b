import java.nio.charset.*;
public class Encodings {
    public static void main(String[] args) throws Exception {
        System.out.println("é漢🎉" + "é".getBytes().length + Charset.defaultCharset());
        System.err.println("é漢🎉");
        System.out.println(System.getProperty("stdout.encoding") + System.getProperty("file.encoding") + System.getProperty("native.encoding"));
    }
}
