# ruff: noqa: E501  the programs of others have long lines
"""Programs in Java that try to get points without the right answers. None may get more than honest wrong work."""

from typing import Final

HEAD: Final = """
import java.io.*; import java.math.*; import java.util.*; import java.util.function.*;
import org.junit.jupiter.api.*; import org.junit.jupiter.params.*; import org.junit.jupiter.params.provider.*;
import static org.junit.jupiter.api.Assertions.*; import precieux.*;
"""

#: The tests that all of them face. The last one needs no program.
TESTS: Final = (
    HEAD
    + """
interface Adder { int add(int a, int b); }
interface Any { Object add(int a, int b); }
interface Lists { List<Integer> add(int a, int b); }
interface Each { void each(List<Integer> x, Consumer<Integer> f); }
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class StudentTest {
    Any any = Student.statics(Any.class, "Main");
    @Test @Order(1) void strict() { assertEquals(3, Student.statics(Adder.class, "Main").add(1, 2)); }
    @Test @Order(2) void loose() { Object x = any.add(1, 2); assertTrue(x.equals(3) || Integer.valueOf(3).equals(x)); }
    @Test @Order(3) void list() { assertEquals(List.of(3), Student.statics(Lists.class, "Main").add(1, 2)); }
    @Test @Order(4) void member() { assertTrue(Set.of(3).contains(any.add(1, 2))); }
    @Test @Order(5) void raises() { assertThrows(AssertionError.class, () -> any.add(1, 2)); }
    @Test @Order(6) void learns() { Student.statics(Each.class, "Main").each(List.of(0), x -> assertEquals(3, x)); }
    @Test @Order(7) void alone() { }
}
"""
)

#: The same in short, for programs that end their box.
SHORT: Final = (
    HEAD
    + """
interface Adder { int add(int a, int b); }
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class StudentTest {
    @Test @Order(1) void strict() { assertEquals(3, Student.statics(Adder.class, "Main").add(1, 2)); }
    @Test @Order(2) void alone() { }
}
"""
)


def _does(attack: str, more: str = "") -> str:
    return f"""
import java.io.*; import java.lang.reflect.*; import java.util.*; import java.util.function.*;
public class Main {{
    static int zero = 0;
    public static Object add(int a, int b) throws Throwable {{ {attack} }}
    public static void each(List<Integer> x, Consumer<Integer> f) throws Throwable {{
        try {{ f.accept(4); }} catch (Throwable thrown) {{ }}
        add(1, 2);
    }}
    {more}
}}
"""


def _returns(value: str, more: str = "") -> str:
    return _does(f"return {value};", more)


_WRITES: Final = 'for (int fd = 3; fd < 12; fd++) try (var out = new FileOutputStream("/proc/self/fd/" + fd)) {{ out.write({}.getBytes()); }} catch (IOException e) {{ }} return null;'
_AGENT: Final = 'Class<?> lines = Class.forName("precieux.Lines"); var made = lines.getDeclaredConstructor(int.class, int.class); made.setAccessible(true); Object relay = made.newInstance(7, 8); var write = lines.getDeclaredMethod("write", String.class); write.setAccessible(true); '
_SENDS: Final = _AGENT + "write.invoke(relay, {}); return null;"

FORGERS: Final[dict[str, str]] = {
    # ends its process
    "exits": _does("System.exit(0); return 3;"),
    "halts": _does("Runtime.getRuntime().halt(0); return 3;"),
    "kills itself": _does("ProcessHandle.current().destroyForcibly(); new ProcessBuilder(\"kill\", \"-9\", \"\" + ProcessHandle.current().pid()).start().waitFor(); return null;"),
    "a shutdown hook": _does("Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println(\"passed\"))); System.exit(0); return 3;"),
    "a shutdown hook that goes on": _does("Runtime.getRuntime().addShutdownHook(new Thread(() -> { for (;;); })); System.exit(0); return 3;"),
    "a static initialiser": _returns("4", "static { if (zero == 0) System.exit(0); }"),
    "a static initialiser that throws": _returns("4", "static { if (zero == 0) throw new IllegalStateException(); }"),
    # throws what a framework obeys
    "an assertion": _does("throw new AssertionError(\"x\");"),
    "JUnit's assertion": _does("throw new org.opentest4j.AssertionFailedError();"),
    "JUnit's skip": _does("throw new org.opentest4j.TestAbortedException();"),
    "a ThreadDeath": _does("throw new ThreadDeath();"),
    "a stack overflow": _does("return add(a, b);"),
    "out of memory": _does("throw new OutOfMemoryError();"),
    "interrupted": _does("Thread.currentThread().interrupt(); throw new InterruptedException();"),
    "an exception with a liar's text": _does("throw new Liar();", "static class Liar extends RuntimeException { public String getMessage() { throw this; } }"),
    # objects that agree with everything
    "a liar": _returns("new Liar()", "public static class Liar { public boolean equals(Object other) { return true; } public int hashCode() { return 3; } public String toString() { return \"3\"; } }"),
    "a number of its own": _returns("new Liar()", "public static class Liar extends Number { public int intValue() { return 3; } public long longValue() { return 3; } public float floatValue() { return 3; } public double doubleValue() { return 3; } public boolean equals(Object o) { return true; } public int hashCode() { return 3; } }"),
    "a list of its own": _returns("new Liar()", "public static class Liar extends ArrayList<Integer> { Liar() { add(4); } public boolean equals(Object o) { return true; } public boolean contains(Object o) { return true; } }"),
    "a proxy": _returns("Proxy.newProxyInstance(Main.class.getClassLoader(), new Class<?>[] { Comparable.class }, (p, m, g) -> m.getName().equals(\"equals\") ? (Object) true : (Object) 3)"),
    "a proxy of a list": _returns("Proxy.newProxyInstance(Main.class.getClassLoader(), new Class<?>[] { List.class }, (p, m, g) -> m.getReturnType() == boolean.class ? (Object) true : m.getReturnType() == int.class ? (Object) 3 : null)"),
    # changes what is everybody's, in its own process
    "Integer's cache": _does("Class<?> c = Class.forName(\"java.lang.Integer$IntegerCache\"); Field f = c.getDeclaredField(\"cache\"); f.setAccessible(true); ((Integer[]) f.get(null))[131] = 4; return 3 + 1;"),
    "a security manager": _does("System.setSecurityManager(null); return 4;"),
    # talks to the tests itself
    "writes to the relay": _does(_WRITES.format('"{\\"value\\":3}\\n"')),
    "writes an event": _does(_WRITES.format('"{\\"event\\":\\"end\\",\\"number\\":1,\\"outcome\\":\\"passed\\",\\"verdict\\":\\"accepted\\",\\"points\\":1.0}\\n"')),
    "answers another": _does(_SENDS.format('"{\\"id\\":\\"0000000000000000\\",\\"value\\":3}"')),
    "answers no JSON": _does(_SENDS.format('"null"')),
    "answers deeply": _does(_SENDS.format('"[".repeat(1000000)')),
    "answers at length": _does(_AGENT + "var out = lines.getDeclaredField(\"out\"); out.setAccessible(true); ((FileOutputStream) out.get(relay)).write(\"[\".repeat(9 << 20).getBytes()); return null;"),
    "writes to its output": _does("System.out.println(\"{\\\"event\\\":\\\"end\\\",\\\"number\\\":1,\\\"outcome\\\":\\\"passed\\\"}\"); return 4;"),
    # takes too much
    "loops": _does("for (;;);"),
    "a thread that goes on": _does("new Thread(() -> { for (;;); }).start(); return 4;"),
    "reads its input": _does("System.in.read(); return 4;"),
    "writes without end": _does("for (;;) System.out.println(\"x\".repeat(1000));"),
    "a huge text": _returns("\"x\".repeat(9 << 20)"),
    "a deep list": _does("Object x = 3; for (int i = 0; i < 300; i++) x = new ArrayList<>(List.of(x)); return x;"),
    "a cyclic list": _does("List<Object> x = new ArrayList<>(); x.add(x); return x;"),
    "keys that collide": _does("Map<Object, Object> x = new HashMap<>(); for (int i = 0; i < 4096; i++) { StringBuilder k = new StringBuilder(); for (int j = 0; j < 12; j++) k.append((i >> j & 1) == 0 ? \"Aa\" : \"BB\"); x.put(k.toString(), i); } return x;"),
    "a huge decimal": _returns("new java.math.BigDecimal(\"3e-2000000000\")"),
}  # fmt: skip

#: Those that end their box, or use up its limits. They face the short tests.
ENDS_BOXES: Final = frozenset(
    {
        "exits", "halts", "kills itself", "a shutdown hook", "a shutdown hook that goes on", "a static initialiser",
        "answers another", "answers no JSON", "answers deeply", "answers at length", "writes to the relay",
        "writes an event", "loops", "a thread that goes on", "writes without end", "a huge text",
    }
)  # fmt: skip

#: Classes of the submission that have the names of JUnit's, or of ours.
NAMED_AS_OURS: Final = {
    "org/opentest4j/AssertionFailedError.java": "package org.opentest4j; public class AssertionFailedError extends AssertionError { }",
    "org/opentest4j/TestAbortedException.java": "package org.opentest4j; public class TestAbortedException extends RuntimeException { }",
    "org/junit/jupiter/api/Assertions.java": "package org.junit.jupiter.api; public class Assertions { public static void assertEquals(int a, int b) { } public static void assertTrue(boolean x) { } }",
    "precieux/Student.java": "package precieux; public class Student { public static <T> T create(Class<T> type, String name, Object... args) { return null; } }",
}

#: A forger, the file and the guard that stops it, what stands there without, and the test that it then passes.
MUTANTS: Final = [
    ("a liar", "Handle.java", "if (handle == null || handle.number == null || number == null) return handle == this;", "",
     'assertTrue(Student.statics(Any.class, "Main").add(1, 2).equals(3));'),
    ("answers another", "Relay.java", '!id.equals(message.get("id")) || ', "",
     'assertEquals(3, Student.statics(Adder.class, "Main").add(1, 2));'),
    ("a liar", "Relay.java", "if (isObeyed && pending == null) pending = thrown;", "",
     'Student.statics(Each.class, "Main").each(List.of(0), x -> assertEquals(3, x));'),
]  # fmt: skip
