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
 * A Java machine that has started, has warmed up, and waits for its program on descriptor 3.
 *
 * It takes the place of the program's main class on the command line. It calls that class as the launcher would: on the
 * same thread, and without a frame of its own in a stack trace. To leave no frame, a hidden class makes the call, and
 * this class is on the boot class path, because `@Hidden` has an effect only there. If the program has no `public static
 * void main(String[])`, an ordinary `java` runs it: that reports the mistake, or supports a newer kind of main.
 */
public final class Start {
    private static final MethodType MAIN = MethodType.methodType(void.class, String[].class);
    private static final int HIDDEN = 2; // MethodHandleNatives.Constants.HIDDEN_CLASS
    private static final String CALLER = "$Caller";

    @Hidden
    public static void main(String[] rehearsal) throws Throwable {
        Warmup.run();
        if (rehearsal.length > 0) {
            return; // when the machine ends, it archives the classes that were used, to load them faster the next time
        }
        List<String> words = waitForWords();
        if (words.isEmpty()) {
            return; // the box is not needed
        }
        MethodHandle call = null;
        try {
            call = callOf(findMain(words.get(0)));
        } catch (Throwable problem) {
            System.exit(runOrdinary(words));
        }
        System.setProperty("sun.java.command", String.join(" ", words));
        try {
            call.invokeExact(words.subList(1, words.size()).toArray(new String[0]));
        } catch (OutOfMemoryError error) { // preallocated by the machine, with the hidden frames in its trace
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

    /** Reads one line of JSON, {"argv": [...]}, and returns its words, or none if the channel is closed first. */
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
        return parseStrings(text.substring(text.indexOf('[')));
    }

    private static List<String> parseStrings(String json) {
        List<String> strings = new ArrayList<>();
        StringBuilder current = null;
        for (int i = 0; i < json.length(); i++) {
            char next = json.charAt(i);
            if (next == '"') {
                if (current == null) {
                    current = new StringBuilder();
                } else {
                    strings.add(current.toString());
                    current = null;
                }
            } else if (next == '\\' && json.charAt(++i) == 'u') {
                current.append((char) Integer.parseInt(json.substring(i + 1, i + 5), 16));
                i += 4;
            } else if (current != null) {
                int control = next == '\\' ? "bfnrt".indexOf(json.charAt(i)) : -1;
                current.append(control < 0 ? json.charAt(i) : "\b\f\n\r\t".charAt(control));
            }
        }
        return strings;
    }

    private static Class<?> findMain(String name) throws ReflectiveOperationException {
        Class<?> type = Class.forName(name, false, ClassLoader.getSystemClassLoader());
        var main = type.getMethod("main", String[].class);
        if (!Modifier.isStatic(main.getModifiers()) || main.getReturnType() != void.class) {
            throw new NoSuchMethodException();
        }
        return type;
    }

    /** Returns a method that calls `main`. It is in a hidden class of its package, so its own class need not be public. */
    static MethodHandle callOf(Class<?> main) throws ReflectiveOperationException, IOException {
        String name = main.getName() + CALLER;
        Class<?> caller = SharedSecrets.getJavaLangAccess()
            .defineClass(main.getClassLoader(), main, name, callerOf(main), main.getProtectionDomain(), false, HIDDEN, null);
        return MethodHandles.privateLookupIn(caller, MethodHandles.lookup()).findStatic(caller, "main", MAIN);
    }

    /** Returns the class file of `class Caller { static void main(String[] words) { Main.main(words); } }` (JVMS 4). */
    private static byte[] callerOf(Class<?> main) throws IOException {
        String name = main.getName().replace('.', '/');
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream file = new DataOutputStream(bytes);
        file.writeInt(0xCAFEBABE);
        file.writeInt(55);
        file.writeShort(12); // the number of constants, plus one
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

    /** Runs an ordinary `java` with this one's options and the program's words. Returns its exit code. */
    private static int runOrdinary(List<String> words) throws IOException, InterruptedException {
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
