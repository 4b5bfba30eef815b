package precieux;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.internal.access.SharedSecrets;
import jdk.internal.vm.annotation.Hidden;

/**
 * A Java machine that has started, warmed up, and waits for its program on descriptor 3.
 *
 * It stands where the program's main class would on the command line, and calls that class as the launcher would have:
 * on the same thread, and with nothing of ours in a stack trace. For that, this class is on the boot class path (only
 * there does Hidden count) and the call itself is in a hidden class. All that is not a `public static void
 * main(String[])` is left to an ordinary `java`, which tells the author what is amiss, or knows a newer kind of main.
 */
public final class Start {
    private static final MethodType MAIN = MethodType.methodType(void.class, String[].class);
    private static final int HIDDEN = 2; // MethodHandleNatives.Constants.HIDDEN_CLASS
    private static final String CALLER = "$Caller";

    @Hidden
    public static void main(String[] rehearsal) throws Throwable {
        Warmup.spread();
        if (rehearsal.length > 0) {
            return; // the machine notes which classes were used, to find them faster the next time
        }
        List<String> words = waitForWords();
        if (words.isEmpty()) {
            return; // nobody needs us
        }
        MethodHandle call = null;
        try {
            call = callOf(findMain(words.get(0)));
        } catch (Throwable problem) {
            System.exit(ordinary(words));
        }
        System.setProperty("sun.java.command", String.join(" ", words));
        try {
            call.invokeExact(words.subList(1, words.size()).toArray(new String[0]));
        } catch (OutOfMemoryError error) { // made before it was needed, and its trace without regard to what is hidden
            hideFrom(error);
            throw error;
        }
    }

    private static void hideFrom(Throwable error) {
        StackTraceElement[] trace = error.getStackTrace();
        for (int frame = 0; frame < trace.length; frame++) {
            if (trace[frame].getClassName().contains(CALLER + "/")) {
                error.setStackTrace(Arrays.copyOf(trace, frame));
                return;
            }
        }
    }

    /** The words of one line of JSON, {"argv": [...]}; none when the channel is closed before. */
    private static List<String> waitForWords() throws IOException {
        FileDescriptor channel = new FileDescriptor();
        SharedSecrets.getJavaIOFileDescriptorAccess().set(channel, 3);
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try (FileInputStream input = new FileInputStream(channel)) {
            new FileOutputStream(channel).write('r');
            for (int next = input.read(); next != '\n'; next = input.read()) {
                if (next < 0) {
                    return List.of();
                }
                line.write(next);
            }
        }
        String text = line.toString();
        return strings(text.substring(text.indexOf('[')));
    }

    private static List<String> strings(String json) {
        List<String> found = new ArrayList<>();
        StringBuilder current = null;
        for (int i = 0; i < json.length(); i++) {
            char next = json.charAt(i);
            if (next == '"') {
                if (current == null) {
                    current = new StringBuilder();
                } else {
                    found.add(current.toString());
                    current = null;
                }
            } else if (next == '\\' && json.charAt(++i) == 'u') {
                current.append((char) Integer.parseInt(json.substring(i + 1, i + 5), 16));
                i += 4;
            } else if (current != null) {
                current.append(json.charAt(i));
            }
        }
        return found;
    }

    private static Class<?> findMain(String name) throws ReflectiveOperationException {
        Class<?> found = Class.forName(name, false, ClassLoader.getSystemClassLoader());
        var main = found.getMethod("main", String[].class);
        if (!Modifier.isStatic(main.getModifiers()) || main.getReturnType() != void.class) {
            throw new NoSuchMethodException();
        }
        return found;
    }

    /** What calls `main`: the method of a hidden class beside it, so that it may be in a class that is not public. */
    static MethodHandle callOf(Class<?> main) throws ReflectiveOperationException, IOException {
        String name = main.getName() + CALLER;
        Class<?> caller = SharedSecrets.getJavaLangAccess()
            .defineClass(main.getClassLoader(), main, name, callerOf(main), main.getProtectionDomain(), false, HIDDEN, null);
        return MethodHandles.privateLookupIn(caller, MethodHandles.lookup()).findStatic(caller, "main", MAIN);
    }

    /** The class file of `class Caller { static void main(String[] words) { Main.main(words); } }` (JVMS 4). */
    private static byte[] callerOf(Class<?> main) throws IOException {
        String name = main.getName().replace('.', '/');
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream file = new DataOutputStream(bytes);
        file.writeInt(0xCAFEBABE);
        file.writeInt(55);
        file.writeShort(12); // constants, and one
        for (String text : List.of(name + CALLER, name, "java/lang/Object", "main", MAIN.toMethodDescriptorString(), "Code")) {
            file.writeByte(1);
            file.writeUTF(text); // 1 to 6
        }
        for (int text = 1; text <= 3; text++) {
            file.writeByte(7);
            file.writeShort(text); // classes, 7 to 9
        }
        file.writeByte(12);
        file.writeInt(4 << 16 | 5); // name and type, 10
        file.writeByte(main.isInterface() ? 11 : 10);
        file.writeInt(8 << 16 | 10); // Main.main, 11
        for (int value : new int[] {0x1030, 7, 9, 0, 0, 1, 0x0008, 4, 5, 1, 6}) {
            file.writeShort(value); // flags, this, super; no interface, no field; one method: flags, name, type, code
        }
        file.writeInt(17);
        file.writeInt(1 << 16 | 1); // stack and variables
        file.writeInt(5);
        file.write(new byte[] {0x2a, (byte) 0xb8, 0, 11, (byte) 0xb1}); // aload_0, invokestatic 11, return
        file.write(new byte[6]); // no handlers, no attributes of the code, none of the class
        return bytes.toByteArray();
    }

    /** The exit code of a `java` like this one, but with the program's words in our place. */
    private static int ordinary(List<String> words) throws IOException, InterruptedException {
        ProcessHandle.Info self = ProcessHandle.current().info();
        List<String> command = new ArrayList<>(List.of(self.command().orElseThrow()));
        for (String option : Arrays.asList(self.arguments().orElseThrow())) {
            if (option.equals(Start.class.getName())) {
                break;
            }
            if (!option.startsWith("-Xbootclasspath/a:") && !option.startsWith("-XX:SharedArchiveFile=") && !option.startsWith("--add-exports=")) {
                command.add(option);
            }
        }
        command.addAll(words);
        return new ProcessBuilder(command).inheritIO().start().waitFor();
    }
}
