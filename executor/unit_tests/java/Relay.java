package precieux;

import java.io.IOException;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.opentest4j.TestAbortedException;

/**
 * Calls the program from the tests' box. What comes over the relay is data: it is decoded into plain values and handles,
 * with bounds, and is never run, loaded, or used as the name of anything but an exception of a fixed table.
 */
final class Relay {
    private static final Set<String> KEYS =
        Set.of("id", "value", "raise", "missing", "callback", "method", "with", "left", "out", "err", "long", "input");
    private static final SecureRandom RANDOM = new SecureRandom();
    private static Relay only;

    /** The handle of an object that the tests may have dropped. */
    private static final class Known extends WeakReference<Handle> {
        final Long number;

        Known(Handle handle, ReferenceQueue<Handle> queue) {
            super(handle, queue);
            number = handle.number;
        }
    }

    private final Report report;
    private final Lines lines;
    private final Written written;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<Long, Known> handles = new HashMap<>();
    private final ReferenceQueue<Handle> queue = new ReferenceQueue<>();
    private final Map<Throwable, String> names = new WeakHashMap<>();
    private final Map<Throwable, List<String>> places = new WeakHashMap<>();
    private final List<Object> callbacks = new ArrayList<>();
    private final List<Throwable> raised = new ArrayList<>();
    private Throwable pending;
    private int depth;
    /** Why no call can be answered; null if that is possible. */
    String failure;

    Relay(Report report, Lines lines, Written written) {
        this.report = report;
        this.lines = lines;
        this.written = written;
        only = this;
    }

    static Relay get() {
        return only;
    }

    String nameOf(Throwable thrown) {
        String name = names.get(thrown);
        return name == null ? thrown.getClass().getName() : name;
    }

    /** Returns the lines of the student's files that an exception of theirs has passed. */
    List<String> placesOf(Throwable thrown) {
        return places.getOrDefault(thrown, List.of());
    }

    /** Returns true while a thread of the tests waits for an answer. */
    boolean isBusy() {
        return lock.isLocked();
    }

    /** Returns the answer of the student's box, or throws what its code threw. */
    Object ask(String what, Type type, Object first, Object second, Object third, Object... arguments) {
        if (failure != null) throw new StudentError(failure);
        lock.lock();
        depth++;
        try {
            return answer(what, type, first, second, third, arguments);
        } finally {
            if (--depth == 0) raised.clear(); // what a callback threw comes back in this call only
            lock.unlock();
        }
    }

    private Object answer(String what, Type type, Object first, Object second, Object third, Object[] arguments) {
        List<Object> known = new ArrayList<>();
        Copies packer = new Copies(known, true);
        List<Object> packed = new ArrayList<>();
        String id = String.format("%016x", RANDOM.nextLong());
        try {
            for (Object operand : new Object[] {first, second, third}) packed.add(packer.pack(operand));
            for (Object argument : arguments) packed.add(packer.pack(argument));
            send(Map.of("id", id, "do", what, "with", packed, "drop", dropped()));
        } catch (Lines.TooLong exception) {
            throw new IllegalArgumentException("The argument has more than 8 MiB.");
        } catch (IllegalArgumentException exception) {
            throw new IllegalArgumentException(String.valueOf(exception.getMessage()).replaceFirst("^It ", "The argument "));
        }
        Object answer = receive(id, known);
        if (pending != null) {
            Throwable thrown = pending;
            pending = null;
            throw Relay.<RuntimeException>sneaky(thrown);
        }
        if (answer instanceof Raised) throw Relay.<RuntimeException>sneaky(((Raised) answer).thrown);
        try {
            return new Fits().fit(answer, type);
        } catch (Types.Mismatch mismatch) {
            throw new ClassCastException("The program's " + second + " returned another type: " + mismatch.getMessage());
        }
    }

    /** Throws an exception that the caller need not declare. */
    @SuppressWarnings("unchecked")
    private static <T extends Throwable> T sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }

    private static final class Raised {
        final Throwable thrown;

        Raised(Throwable thrown) {
            this.thrown = thrown;
        }
    }

    private void send(Map<String, Object> message) throws Lines.TooLong {
        try {
            lines.write(Json.write(message));
        } catch (Lines.TooLong exception) {
            throw exception;
        } catch (IOException exception) {
            report.lose("ended");
        }
    }

    /** Returns the numbers of the handles that the tests have dropped since the last call. */
    private List<Object> dropped() {
        List<Object> numbers = new ArrayList<>();
        for (Reference<?> gone; (gone = queue.poll()) != null;) {
            Known known = (Known) gone;
            if (handles.remove(known.number, known)) numbers.add(known.number);
        }
        return numbers;
    }

    private String readLine() {
        try {
            String line = lines.read();
            if (line == null) report.lose("ended");
            return line;
        } catch (Lines.TooLong exception) {
            throw report.lose("long");
        } catch (IOException exception) {
            throw report.lose("ended");
        }
    }

    private Object receive(String id, List<Object> known) {
        for (;;) {
            String line = readLine();
            Map<String, Object> message;
            Object callback = null;
            List<Object> arguments = new ArrayList<>();
            boolean isInput;
            try {
                message = Json.readObject(line);
                if (!id.equals(message.get("id")) || !KEYS.containsAll(message.keySet())) throw new IllegalArgumentException();
                written.add("out", (String) message.getOrDefault("out", ""));
                written.add("err", (String) message.getOrDefault("err", ""));
                if (message.containsKey("long")) throw report.lose(written.isOver() ? "output" : "long");
                isInput = message.containsKey("input");
                Copies unpacker = new Copies(known, false);
                if (message.containsKey("callback")) {
                    callback = callbacks.get(Math.toIntExact((Long) message.get("callback")));
                    for (Object argument : (List<?>) message.get("with")) arguments.add(unpacker.unpack(argument));
                } else if (!isInput) {
                    return end(message, known, unpacker);
                }
            } catch (RuntimeException | StackOverflowError broken) {
                throw report.lose("broken");
            }
            reply(id, isInput ? Map.of("value", Arrays.asList("line", input()))
                : call(callback, (String) message.get("method"), arguments, known));
        }
    }

    private Object end(Map<String, Object> message, List<Object> known, Copies unpacker) {
        for (Object left : (List<?>) message.getOrDefault("left", List.of())) {
            Object target = known.get(Math.toIntExact((Long) ((List<?>) left).get(0)));
            Values.restore(target, unpacker.unpack(((List<?>) left).get(1)));
        }
        if (message.containsKey("missing")) {
            return new Raised(new NoSuchMethodError((String) message.get("missing")));
        }
        if (message.containsKey("raise")) return new Raised(thrown((List<?>) message.get("raise")));
        if (!message.containsKey("value")) throw new IllegalArgumentException("no value");
        return unpacker.unpack(message.get("value"));
    }

    private void reply(String id, Map<String, Object> answer) {
        Map<String, Object> message = new LinkedHashMap<>(answer);
        message.put("id", id);
        try {
            send(message);
        } catch (Lines.TooLong exception) {
            throw report.lose("long");
        }
    }

    private static String input() {
        try {
            byte[] bytes = new byte[1 << 16];
            int size = 0;
            for (int next; size < bytes.length && (next = System.in.read()) >= 0;) {
                bytes[size++] = (byte) next;
                if (next == '\n') break;
            }
            if (size == 0) return null;
            return new String(bytes, 0, size, StandardCharsets.UTF_8);
        } catch (IOException exception) {
            return null;
        }
    }

    /** Calls a function of the tests for the student's code, and returns the answer. */
    private Map<String, Object> call(Object callback, String name, List<Object> arguments, List<Object> known) {
        Copies packer = new Copies(known, false);
        Throwable thrown;
        try {
            Method method = methodOf(callback, name, arguments.size());
            Object[] fitted = new Object[arguments.size()];
            for (int index = 0; index < fitted.length; index++) {
                fitted[index] = new Fits().fit(arguments.get(index), method.getGenericParameterTypes()[index]);
            }
            Map<String, Object> answer = new HashMap<>();
            answer.put("value", packer.pack(method.invoke(callback, fitted)));
            return answer;
        } catch (InvocationTargetException exception) {
            thrown = exception.getCause();
        } catch (Exception exception) {
            thrown = exception;
        }
        boolean isObeyed = !(thrown instanceof Exception) || thrown instanceof TestAbortedException;
        if (isObeyed && pending == null) pending = thrown;
        raised.add(thrown);
        // An assertion may have expected values in its text.
        String text = isObeyed || thrown.getMessage() == null ? "" : thrown.getMessage();
        return Map.of("raise", List.of((long) raised.size() - 1, Throwables.namesOf(thrown), text));
    }

    /** Returns a method of one of Java's own interfaces. The student's code can call no other. */
    private static Method methodOf(Object callback, String name, int count) throws NoSuchMethodException {
        for (Class<?> type : Copies.interfacesOf(callback)) {
            for (Method method : type.getMethods()) {
                boolean isCalled = method.getName().equals(name) && method.getParameterCount() == count;
                if (isCalled && Modifier.isAbstract(method.getModifiers())) return method;
            }
        }
        throw new NoSuchMethodException(name);
    }

    /** Returns what the student's code threw. */
    private Throwable thrown(List<?> described) {
        if (described.size() == 1) return same(raised.get(Math.toIntExact((Long) described.get(0))));
        List<?> chain = (List<?>) described.get(0);
        String name = (String) chain.get(0);
        String text = (String) described.get(1);
        Throwable made = chain.contains("java.lang.Error") && !name.equals("java.lang.StackOverflowError") ? null
            : Throwables.make(chain, text);
        if (made == null) made = new StudentError(name + (text == null ? "" : ": " + text));
        List<String> lines = new ArrayList<>();
        for (Object line : (List<?>) described.get(2)) if (lines.size() < 10) lines.add((String) line);
        names.put(made, name);
        places.put(made, lines);
        return made;
    }

    /** Returns what the tests threw. What a framework obeys is thrown when its call returns, and never once more. */
    private static Throwable same(Throwable thrown) {
        return thrown instanceof Exception && !(thrown instanceof TestAbortedException) ? thrown
            : new StudentError(thrown.getClass().getSimpleName());
    }

    private Handle handle(Long number) {
        Known known = handles.get(number);
        Handle handle = known == null ? null : known.get();
        if (handle == null) {
            handle = new Handle(number, null);
            handles.put(number, new Known(handle, queue));
        }
        return handle;
    }

    /** Copies the values of one message. */
    private final class Copies extends Values {
        Copies(List<Object> known, boolean tracks) {
            super(known, tracks);
        }

        @Override
        Object packOther(Object value) {
            Handle handle = Handle.of(value);
            if (handle != null) return handle.number == null ? List.of("class", handle.className) : List.of("handle", handle.number);
            List<Object> names = new ArrayList<>();
            for (Class<?> type : interfacesOf(value)) names.add(type.getName());
            if (names.isEmpty()) {
                throw new IllegalArgumentException("An object of the class " + value.getClass().getName()
                    + " cannot be copied to the student's box. Put the class into `shared_files`.");
            }
            int place = 0;
            while (place < callbacks.size() && callbacks.get(place) != value) place++;
            if (place == callbacks.size()) callbacks.add(value);
            return List.of("callback", (long) place, names);
        }

        @Override
        Object makeOther(String tag, List<?> content) {
            if (tag.equals("callback")) return callbacks.get(Math.toIntExact((Long) content.get(1)));
            if (!tag.equals("handle")) throw new IllegalArgumentException(tag);
            return handle((Long) content.get(1)).latest();
        }

        /** Returns the interfaces of Java's own by which the student's code may call an object of the tests. */
        static List<Class<?>> interfacesOf(Object value) {
            List<Class<?>> found = new ArrayList<>();
            for (Class<?> type = value.getClass(); type != null; type = type.getSuperclass()) {
                for (Class<?> one : type.getInterfaces()) {
                    boolean isCalled = Arrays.stream(one.getMethods()).anyMatch(m -> Modifier.isAbstract(m.getModifiers()));
                    if (one.getName().startsWith("java.") && isCalled) found.add(one);
                }
            }
            return found;
        }
    }

    /** Gives an object of the student's the interface that the tests declare. */
    private static final class Fits extends Types {
        @Override
        Object other(Object value, Class<?> type) {
            Handle handle = Handle.of(value);
            return handle != null && (type.isInterface() || type == StudentObject.class) ? handle.as(type) : null;
        }
    }
}
