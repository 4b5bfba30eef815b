import com.sun.tools.javac.api.JavacTaskImpl;
import com.sun.tools.javac.main.Main.Result;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardLocation;
import javax.tools.ToolProvider;
import jdk.internal.access.SharedSecrets;

/**
 * Compiles one source file after the other with javac, in a machine that stays warm.
 *
 * Standard input is a socket for both directions. A request is a file's name and text. The answer is a verdict, javac's
 * output and the class files. Before each text comes its length in bytes, and before each list its number of entries.
 * Each compilation has its own compiler and file manager. Its options are constant, and it sees only its source, the
 * JDK and the archives of the folder that the command names, if it names one. The verdict is UNDECIDED if the result is
 * neither a success nor a plain error in the source, for example if the source exhausts the compiler's stack. Then the
 * ordinary javac decides.
 */
public final class Compiler {
    private static final int COMPILED = 0, REFUSED = 1, UNDECIDED = 2;
    private static final List<String> OPTIONS = List.of("-proc:none");
    private static final int REHEARSALS = 12;
    private static final String REHEARSAL = """
        import java.util.*;
        import java.util.stream.*;
        public class Rehearsal {
            interface Shape { double area(); }
            record Square(double side) implements Shape { public double area() { return side * side; } }
            enum Colour { RED, BLUE }
            static <T extends Comparable<T>> T largest(List<T> all) { return Collections.max(all); }
            public static void main(String[] words) throws Exception {
                Scanner input = new Scanner(System.in);
                int[] numbers = new int[10];
                for (int i = 0; i < numbers.length; i++) numbers[i] = i % 3 == 0 ? i : -i;
                Map<String, Integer> counts = new HashMap<>();
                for (String word : words) counts.merge(word, 1, Integer::sum);
                try { System.out.printf("%d %s%n", largest(List.of(1, 2)), Colour.RED); } catch (RuntimeException e) { throw e; }
                System.out.println(Arrays.stream(numbers).mapToObj(n -> "n" + n).collect(Collectors.joining(", ")));
                switch (numbers[1]) { case 1: break; default: System.out.println(new Square(2).area()); }
            }
        }
        """;

    private final JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
    private final StringWriter diagnostics = new StringWriter();
    private final Map<String, ByteArrayOutputStream> classes = new TreeMap<>();

    private static List<File> classPath = List.of();

    public static void main(String[] folders) throws IOException {
        if (folders.length > 0) {
            classPath = List.of(new File(folders[0]).listFiles(file -> file.getName().endsWith(".jar")));
        }
        for (int round = 0; round < REHEARSALS; round++) {
            new Compiler().compile("Rehearsal.java", REHEARSAL);
        }
        DataInputStream requests = new DataInputStream(System.in);
        FileDescriptor channel = new FileDescriptor();
        SharedSecrets.getJavaIOFileDescriptorAccess().set(channel, 0);
        OutputStream answers = new FileOutputStream(channel);
        answers.write('r');
        try {
            while (true) {
                String name = read(requests);
                new Compiler().answer(name, read(requests), answers);
            }
        } catch (EOFException done) {
            return; // the executor has closed the socket
        }
    }

    private void answer(String name, String source, OutputStream answers) throws IOException {
        int verdict = compile(name, source);
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        DataOutputStream fields = new DataOutputStream(answer);
        fields.writeByte(verdict);
        write(fields, diagnostics.toString().getBytes(StandardCharsets.UTF_8));
        fields.writeInt(classes.size());
        for (Map.Entry<String, ByteArrayOutputStream> each : classes.entrySet()) {
            write(fields, each.getKey().getBytes(StandardCharsets.UTF_8));
            write(fields, each.getValue().toByteArray());
        }
        answer.writeTo(answers);
    }

    private int compile(String name, String source) {
        try (var files = javac.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            files.setLocation(StandardLocation.CLASS_PATH, classPath);
            var task = javac.getTask(diagnostics, new Files(files), null, OPTIONS, null, List.of(new Source(name, source)));
            Result result = ((JavacTaskImpl) task).doCall();
            return result == Result.OK ? COMPILED : result == Result.ERROR ? REFUSED : UNDECIDED;
        } catch (Throwable crash) {
            return UNDECIDED;
        }
    }

    private static String read(DataInputStream input) throws IOException {
        byte[] bytes = new byte[input.readInt()];
        input.readFully(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static void write(DataOutputStream output, byte[] bytes) throws IOException {
        output.writeInt(bytes.length);
        output.write(bytes);
    }

    /** A source file. Diagnostics name it as if it were on javac's command line. */
    private static final class Source extends SimpleJavaFileObject {
        private final String name;
        private final String text;

        Source(String name, String text) {
            super(URI.create("source:///" + URLEncoder.encode(name, StandardCharsets.UTF_8)), Kind.SOURCE); // the class files contain its last part
            this.name = name;
            this.text = text;
        }

        @Override
        public String getName() {
            return name;
        }

        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            return kind == Kind.SOURCE && name.equals(simpleName + kind.extension);
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    /** Reads the JDK's classes, and writes to the map `classes`. */
    private final class Files extends ForwardingJavaFileManager<JavaFileManager> {
        Files(JavaFileManager jdk) {
            super(jdk);
        }

        @Override
        public JavaFileObject getJavaFileForOutput(
                Location location, String className, JavaFileObject.Kind kind, FileObject sibling) {
            String path = className.replace('.', '/') + kind.extension;
            return new SimpleJavaFileObject(URI.create("class:///Output.class"), kind) {
                @Override
                public OutputStream openOutputStream() {
                    ByteArrayOutputStream content = new ByteArrayOutputStream();
                    classes.put(path, content);
                    return content;
                }
            };
        }
    }
}
