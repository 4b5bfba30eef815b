package precieux;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Answers the calls of the tests in the student's box. Nothing here is trusted: the student's code may replace it, and
 * can then give other answers, and no more (docs/security.md).
 */
final class Agent {
    private static final int MAX_HANDLES = 100_000;

    /** The tests ask for what the program does not have. */
    private static final class Missing extends Exception {
        private static final long serialVersionUID = 1;

        Missing(String message) {
            super(message);
        }
    }

    private final Lines lines;
    private final long outputBytes;
    private final Map<String, ByteArrayOutputStream> outputs = new LinkedHashMap<>();
    private final Map<Long, Object> handles = new HashMap<>();
    private final Map<Object, Long> numbers = new IdentityHashMap<>();
    private final Map<Long, Object> callbacks = new HashMap<>();
    private final Map<Object, List<Object>> callbackNumbers = new IdentityHashMap<>();
    private final Map<Throwable, Long> ofTests = new IdentityHashMap<>();
    private long next = 1;
    private String open;
    private List<Object> known = List.of();

    private Agent(Map<String, Object> settings) throws ReflectiveOperationException {
        lines = new Lines(7, 8);
        outputBytes = (Long) settings.get("output_bytes");
    }

    public static void main(String[] words) throws Exception {
        Agent agent = new Agent(Json.readObject(Files.readString(Path.of("/box/given/settings.json"))));
        System.setOut(agent.output("out"));
        System.setErr(agent.output("err"));
        System.setIn(agent.new Input());
        for (String line; (line = agent.lines.read()) != null;) agent.serve(Json.readObject(line));
        Runtime.getRuntime().halt(0);
    }

    private PrintStream output(String name) {
        ByteArrayOutputStream buffer = new ByteArrayOutputStream();
        outputs.put(name, buffer);
        return new PrintStream(new OutputStream() {
            @Override
            public void write(int character) {
                write(new byte[] {(byte) character}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int start, int length) {
                synchronized (buffer) {
                    buffer.write(bytes, start, length);
                    if (buffer.size() <= outputBytes) return;
                }
                send(new LinkedHashMap<>(Map.of("id", String.valueOf(open), "long", true)));
                Runtime.getRuntime().halt(1); // only the end of the process stops what it does
            }
        }, true, StandardCharsets.UTF_8);
    }

    private void send(Map<String, Object> message) {
        outputs.forEach((name, buffer) -> {
            synchronized (buffer) {
                if (buffer.size() > 0) message.put(name, buffer.toString(StandardCharsets.UTF_8));
                buffer.reset();
            }
        });
        try {
            try {
                lines.write(Json.write(message));
            } catch (Lines.TooLong exception) {
                lines.write(Json.write(Map.of("id", String.valueOf(open), "long", true)));
            }
        } catch (IOException exception) {
            Runtime.getRuntime().halt(1);
        }
    }

    private synchronized void serve(Map<String, Object> request) {
        for (Object number : (List<?>) request.get("drop")) numbers.remove(handles.remove((Long) number));
        String outer = open;
        List<Object> outerKnown = known;
        open = (String) request.get("id");
        known = new ArrayList<>();
        Copies unpacker = new Copies(known, true);
        List<Object> operands = new ArrayList<>();
        for (Object operand : (List<?>) request.get("with")) operands.add(unpacker.unpack(operand));
        List<String> before = new ArrayList<>();
        for (Object value : known) before.add(contents(value));
        Map<String, Object> answer = new LinkedHashMap<>(Map.of("id", open));
        try {
            Object value = run((String) request.get("do"), operands);
            answer.put("value", Boolean.TRUE.equals(operands.get(2)) ? forced(value) : new Copies(known, false).pack(value));
        } catch (Missing exception) {
            answer.put("missing", exception.getMessage());
        } catch (Throwable thrown) {
            answer.put("raise", describe(thrown));
        }
        List<Object> left = new ArrayList<>();
        for (int number = 0; number < before.size(); number++) {
            String now = contents(known.get(number));
            if (!now.isEmpty() && !now.equals(before.get(number))) left.add(List.of((long) number, Json.read(now)));
        }
        if (!left.isEmpty()) answer.put("left", left);
        send(answer);
        open = outer;
        known = outerKnown;
    }

    /** Returns the contents of an argument as text, or "" if they cannot be copied. */
    private String contents(Object value) {
        try {
            return Json.write(new Copies(known, false).contents(value, -1));
        } catch (RuntimeException exception) {
            return "";
        }
    }

    private Object run(String what, List<Object> operands) throws Throwable {
        if (what.equals("start")) return null;
        Object target = operands.get(0);
        String name = (String) operands.get(1);
        Object[] arguments = operands.subList(3, operands.size()).toArray();
        try {
            if (what.equals("create")) return create(find((String) target), arguments);
            if (what.equals("constant")) return constant(find((String) target), name);
            boolean isStatic = operands.get(0) instanceof Named;
            Class<?> type = isStatic ? find(((Named) target).name) : target.getClass();
            Object[] fitted = new Object[arguments.length];
            Method method = (Method) choose(methods(type, name, isStatic), arguments, fitted);
            if (method == null) throw missing(type.getName() + " has no method `" + name + "`", arguments);
            method.setAccessible(true);
            return method.invoke(isStatic ? null : target, fitted);
        } catch (InvocationTargetException exception) {
            throw exception.getCause();
        }
    }

    private static Missing missing(String what, Object[] arguments) {
        List<String> types = new ArrayList<>();
        for (Object argument : arguments) types.add(argument == null ? "null" : argument.getClass().getSimpleName());
        return new Missing(what + " that takes (" + String.join(", ", types) + ").");
    }

    private static Class<?> find(String name) throws Missing {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException exception) {
            throw new Missing("There is no class `" + name + "` in this submission.");
        }
    }

    private Object create(Class<?> type, Object[] arguments) throws Throwable {
        Object[] fitted = new Object[arguments.length];
        Constructor<?> made = (Constructor<?>) choose(List.of(type.getDeclaredConstructors()), arguments, fitted);
        if (made == null) throw missing(type.getName() + " has no constructor", arguments);
        made.setAccessible(true);
        return made.newInstance(fitted);
    }

    private static Object constant(Class<?> type, String name) throws Missing, IllegalAccessException {
        try {
            Field field = type.getDeclaredField(name);
            field.setAccessible(true);
            return field.get(null);
        } catch (NoSuchFieldException | NullPointerException exception) {
            throw new Missing(type.getName() + " has no static field `" + name + "`.");
        }
    }

    private static List<Method> methods(Class<?> type, String name, boolean isStatic) {
        List<Method> found = new ArrayList<>();
        for (Class<?> one = type; one != null; one = one.getSuperclass()) {
            for (Method method : one.getDeclaredMethods()) {
                int modifiers = method.getModifiers();
                boolean isHidden = Modifier.isPrivate(modifiers) || Modifier.isAbstract(modifiers) || method.isBridge();
                if (method.getName().equals(name) && !isHidden && (!isStatic || Modifier.isStatic(modifiers))) found.add(method);
            }
        }
        for (Method method : type.getMethods()) if (method.isDefault() && method.getName().equals(name)) found.add(method);
        return found;
    }

    /** Returns the method or constructor that fits best, and gives `fitted` its arguments; null if none fits. */
    private Executable choose(List<? extends Executable> candidates, Object[] arguments, Object[] fitted) {
        Executable best = null;
        int least = Integer.MAX_VALUE;
        for (Executable candidate : candidates) {
            if (candidate.getParameterCount() != arguments.length) continue;
            Object[] values = new Object[arguments.length];
            int cost = fit(candidate, arguments, values);
            if (cost >= least) continue;
            least = cost;
            best = candidate;
            System.arraycopy(values, 0, fitted, 0, values.length);
        }
        return best;
    }

    private static int fit(Executable candidate, Object[] arguments, Object[] values) {
        int cost = 0;
        for (int index = 0; index < arguments.length; index++) {
            Class<?> wanted = candidate.getParameterTypes()[index];
            try {
                values[index] = new Fits().fit(arguments[index], wanted);
            } catch (Types.Mismatch mismatch) {
                return Integer.MAX_VALUE;
            }
            boolean isSame = values[index] == null || values[index] == arguments[index];
            cost += wanted == Object.class ? 4 : isSame ? (wanted.isPrimitive() ? 0 : 1) : 2;
        }
        return cost;
    }

    private Object forced(Object value) {
        boolean isPlain = value == null || value instanceof Boolean || value instanceof Number || value instanceof String
            || value instanceof Character || callbackNumbers.containsKey(value)
            || known.stream().anyMatch(one -> one == value);
        return isPlain ? new Copies(known, false).pack(value) : handle(value);
    }

    private List<Object> handle(Object value) {
        if (!numbers.containsKey(value)) {
            if (handles.size() >= MAX_HANDLES) throw new IllegalStateException("The tests hold more than 100000 objects.");
            numbers.put(value, next);
            handles.put(next++, value);
        }
        return List.of("handle", numbers.get(value));
    }

    private List<Object> describe(Throwable thrown) {
        if (ofTests.containsKey(thrown)) return List.of(ofTests.get(thrown));
        List<Object> places = new ArrayList<>();
        for (StackTraceElement place : thrown.getStackTrace()) {
            boolean isOwn = place.getClassLoaderName() != null && !place.getClassName().startsWith("precieux.");
            if (isOwn && places.size() < 10) {
                places.add(place.getFileName() + ", line " + place.getLineNumber() + ", in " + place.getMethodName());
            }
        }
        List<Object> described = new ArrayList<>(List.of(Throwables.namesOf(thrown)));
        described.add(thrown.getMessage());
        described.add(places);
        return described;
    }

    /** Returns what the tests answer. Meanwhile they may call. */
    private synchronized Object ask(Map<String, Object> question) throws Throwable {
        if (open == null) throw new IllegalStateException("The tests answer while they call only.");
        List<Object> asked = known;
        question.put("id", open);
        send(question);
        for (String line; (line = lines.read()) != null;) {
            Map<String, Object> message = Json.readObject(line);
            if (message.containsKey("do")) {
                serve(message);
                continue;
            }
            if (message.containsKey("raise")) throw ofTests((List<?>) message.get("raise"));
            Object value = message.get("value");
            boolean isLine = value instanceof List<?> && ((List<?>) value).get(0).equals("line");
            return isLine ? ((List<?>) value).get(1) : new Copies(asked, false).unpack(value);
        }
        Runtime.getRuntime().halt(0);
        return null;
    }

    private Throwable ofTests(List<?> raised) {
        Throwable made = Throwables.make((List<?>) raised.get(1), (String) raised.get(2));
        if (made == null) made = new RuntimeException((String) raised.get(2));
        ofTests.put(made, (Long) raised.get(0));
        return made;
    }

    /** Asks the present System.in of the tests. */
    private final class Input extends InputStream {
        private byte[] line = new byte[0];
        private int at;

        @Override
        public int read() {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int start, int length) {
            if (length == 0) return 0;
            if (at == line.length) {
                Object text = open == null ? null : askLine();
                if (text == null) return -1;
                line = ((String) text).getBytes(StandardCharsets.UTF_8);
                at = 0;
            }
            int size = Math.min(length, line.length - at);
            System.arraycopy(line, at, bytes, start, size);
            at += size;
            return size;
        }

        private Object askLine() {
            try {
                return ask(new LinkedHashMap<>(Map.of("input", true)));
            } catch (Throwable thrown) {
                return null;
            }
        }
    }

    /** The name of a class whose static methods are called. */
    private static final class Named {
        final String name;

        Named(String name) {
            this.name = name;
        }
    }

    private static final class Fits extends Types {
        @Override
        Object other(Object value, Class<?> type) {
            return null;
        }
    }

    /** Copies the values of one message. */
    private final class Copies extends Values {
        Copies(List<Object> known, boolean tracks) {
            super(known, tracks);
        }

        @Override
        Object packOther(Object value) {
            return callbackNumbers.containsKey(value) ? callbackNumbers.get(value) : handle(value);
        }

        @Override
        Object makeOther(String tag, List<?> content) {
            if (tag.equals("handle")) return handles.get((Long) content.get(1));
            if (tag.equals("class")) return new Named((String) content.get(1));
            return callbacks.computeIfAbsent((Long) content.get(1), number -> callback(number, (List<?>) content.get(2)));
        }

        private Object callback(Long number, List<?> names) {
            try {
                Class<?>[] types = new Class<?>[names.size()];
                for (int index = 0; index < types.length; index++) types[index] = Class.forName((String) names.get(index));
                Object made = Proxy.newProxyInstance(Agent.class.getClassLoader(), types,
                    (proxy, method, given) -> called(number, proxy, method, given == null ? new Object[0] : given));
                callbackNumbers.put(made, List.of("callback", number, names));
                return made;
            } catch (ClassNotFoundException exception) {
                throw new IllegalStateException(exception);
            }
        }

        private Object called(Long number, Object proxy, Method method, Object[] given) throws Throwable {
            if (method.isDefault()) return InvocationHandler.invokeDefault(proxy, method, given);
            if (method.getDeclaringClass() == Object.class) {
                if (method.getName().equals("equals")) return proxy == given[0];
                return method.getName().equals("hashCode") ? (Object) System.identityHashCode(proxy) : "a function of the tests";
            }
            Copies packer = new Copies(Agent.this.known, false);
            List<Object> packed = new ArrayList<>();
            for (Object argument : given) packed.add(packer.pack(argument));
            return new Fits().fit(
                ask(new LinkedHashMap<>(Map.of("callback", number, "method", method.getName(), "with", packed))),
                method.getReturnType());
        }
    }
}
