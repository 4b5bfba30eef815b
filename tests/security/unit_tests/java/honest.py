# ruff: noqa: E501  the programs of others have long lines
"""Honest assignments in Java: name, a right program, a wrong one, interfaces, the methods of tests, and the outcomes."""

from typing import Final

_IMPORTS: Final = (
    "import java.io.*; import java.math.*; import java.util.*; import java.util.function.*; import java.time.*;\n"
)

ASSIGNMENTS: Final[list[tuple[str, str, str, str, str, str, str]]] = [
    ("static methods", "class A { static int add(int a, int b) { return a + b; } static long big(int n) { return 1L << n; } }",
     "class A { static int add(int a, int b) { return a - b; } static double big(int n) { return 1; } }",
     "interface S { int add(int a, int b); long big(int n); }",
     "S s = Student.statics(S.class, \"A\"); @Test void a() { assertEquals(3, s.add(1, 2)); } @Test void b() { assertEquals(1L << 40, s.big(40)); }", "pp", "fe"),
    ("objects of two classes", "class P { int x; P(int x) { this.x = x; } int x() { return x; } P plus(P o) { return new P(x + o.x); } public boolean equals(Object o) { return o instanceof P && ((P) o).x == x; } public int hashCode() { return x; } public String toString() { return \"P\" + x; } }",
     "class P { int x; P(int x) { this.x = x; } int x() { return x; } P plus(P o) { return this; } }",
     "interface P { int x(); P plus(P o); }",
     "P p(int x) { return Student.create(P.class, \"P\", x); } @Test void a() { assertEquals(5, p(2).plus(p(3)).x()); } @Test void b() { assertEquals(p(2), p(2)); assertEquals(p(2).hashCode(), p(2).hashCode()); assertEquals(\"P2\", p(2).toString()); } @Test void c() { P one = p(1); assertNotEquals(one, 1); }", "ppp", "ffp"),
    ("sorting in place", "class A { static void sort(int[] x) { java.util.Arrays.sort(x); } static void sortList(java.util.List<Integer> x) { java.util.Collections.sort(x); } }",
     "class A { static void sort(int[] x) { } static void sortList(java.util.List<Integer> x) { x.clear(); } }",
     "interface S { void sort(int[] x); void sortList(List<Integer> x); }",
     "S s = Student.statics(S.class, \"A\"); @Test void a() { int[] x = {3, 1, 2}; s.sort(x); assertArrayEquals(new int[] {1, 2, 3}, x); } @Test void b() { List<Integer> x = new ArrayList<>(List.of(2, 1)); s.sortList(x); assertEquals(List.of(1, 2), x); }", "pp", "ff"),
    ("collections", "import java.util.*; class A { static Map<String, Integer> count(List<String> x) { Map<String, Integer> m = new TreeMap<>(); for (String s : x) m.merge(s, 1, Integer::sum); return m; } static Set<Integer> odd(int n) { Set<Integer> x = new HashSet<>(); for (int i = 1; i < n; i += 2) x.add(i); return x; } static Optional<String> first(List<String> x) { return x.stream().findFirst(); } static int[][] grid(int n) { return new int[n][n]; } }",
     "import java.util.*; class A { static Map<String, Integer> count(List<String> x) { return Map.of(); } static Set<Integer> odd(int n) { return Set.of(2); } static Optional<String> first(List<String> x) { return null; } static int[][] grid(int n) { return new int[1][n]; } }",
     "interface S { Map<String, Integer> count(List<String> x); Set<Integer> odd(int n); Optional<String> first(List<String> x); int[][] grid(int n); }",
     "S s = Student.statics(S.class, \"A\"); @Test void a() { assertEquals(Map.of(\"a\", 2, \"b\", 1), s.count(List.of(\"a\", \"b\", \"a\"))); } @Test void b() { assertEquals(Set.of(1, 3), s.odd(5)); } @Test void c() { assertEquals(\"x\", s.first(List.of(\"x\")).get()); assertTrue(s.first(List.of()).isEmpty()); } @Test void d() { assertArrayEquals(new int[2][2], s.grid(2)); }", "pppp", "ffef"),
    ("exceptions", "class A { static class Own extends IllegalStateException { Own(String x) { super(x); } } static int f(int x) throws Exception { if (x == 0) throw new IllegalArgumentException(\"zero\"); if (x == 1) throw new java.io.FileNotFoundException(\"gone\"); if (x == 2) throw new java.util.EmptyStackException(); throw new Own(\"own\"); } }",
     "class A { static int f(int x) { if (x == 3) throw new AssertionError(\"x\"); return 1; } }",
     "interface S { int f(int x) throws IOException; }",
     "S s = Student.statics(S.class, \"A\"); @Test void a() { assertEquals(\"zero\", assertThrows(IllegalArgumentException.class, () -> s.f(0)).getMessage()); } @Test void b() { assertThrows(FileNotFoundException.class, () -> s.f(1)); } @Test void c() { assertThrows(EmptyStackException.class, () -> s.f(2)); } @Test void d() { assertEquals(\"A$Own\", Student.nameOf(assertThrows(IllegalStateException.class, () -> s.f(3)))); }", "pppp", "ffff"),
    ("output and input", "class A { static void hello() { System.out.println(\"Hello, \" + new java.util.Scanner(System.in).next()); } }",
     "class A { static void hello() { System.out.println(\"Hello\"); } }", "interface S { void hello(); }",
     "@Test void a() { PrintStream o = System.out; ByteArrayOutputStream b = new ByteArrayOutputStream(); System.setOut(new PrintStream(b)); System.setIn(new ByteArrayInputStream(\"Ada\\n\".getBytes())); try { Student.statics(S.class, \"A\").hello(); } finally { System.setOut(o); } assertEquals(\"Hello, Ada\\n\", b.toString()); }", "p", "f"),
    ("callbacks", "import java.util.function.*; class A { static int apply(IntUnaryOperator f, int x) { return f.applyAsInt(x); } static java.util.List<String> by(java.util.List<String> x, java.util.Comparator<String> c) { x.sort(c.reversed()); return x; } }",
     "import java.util.function.*; class A { static int apply(IntUnaryOperator f, int x) { return x; } static java.util.List<String> by(java.util.List<String> x, java.util.Comparator<String> c) { return x; } }",
     "interface S { int apply(IntUnaryOperator f, int x); List<String> by(List<String> x, Comparator<String> c); }",
     "S s = Student.statics(S.class, \"A\"); @Test void a() { assertEquals(9, s.apply(x -> x * x, 3)); } @Test void b() { List<String> x = new ArrayList<>(List.of(\"a\", \"ccc\", \"bb\")); assertSame(x, s.by(x, Comparator.comparing(String::length))); assertEquals(List.of(\"ccc\", \"bb\", \"a\"), x); } @Test void c() { assertThrows(IllegalStateException.class, () -> s.apply(x -> { throw new IllegalStateException(); }, 1)); }", "ppp", "fff"),
    ("many cases in one test", "class A { static boolean even(int x) { return x % 2 == 0; } }", "class A { static boolean even(int x) { return x == 2; } }",
     "interface S { boolean even(int x); }",
     "S s = Student.statics(S.class, \"A\"); @ParameterizedTest @ValueSource(ints = {2, 4, 6}) void a(int x) { assertTrue(s.even(x)); } @RepeatedTest(2) void b() { assertTrue(s.even(2)); } @TestFactory List<DynamicTest> c() { return List.of(DynamicTest.dynamicTest(\"x\", () -> assertFalse(s.even(3))), DynamicTest.dynamicTest(\"y\", () -> assertTrue(s.even(8)))); } @TestFactory List<DynamicTest> d() { return List.of(); }", "pppe", "fpfe"),
    ("skips", "class A { static int one() { return 1; } }", "class A { static int one() { return 2; } }", "interface S { int one(); }",
     "S s = Student.statics(S.class, \"A\"); @Test void a() { assertEquals(1, s.one()); } @Test @Disabled(\"later\") void b() { } @Test void c() { Assumptions.assumeTrue(s.one() == 3); }", "pss", "fss"),
    ("numbers and dates", "import java.math.*; import java.time.*; class A { static BigInteger fact(int n) { return n == 0 ? BigInteger.ONE : fact(n - 1).multiply(BigInteger.valueOf(n)); } static BigDecimal half(BigDecimal x) { return x.divide(new BigDecimal(2)); } static LocalDate next(LocalDate x) { return x.plusDays(1); } static char up(char c) { return Character.toUpperCase(c); } static double mean(double... x) { return x[0]; } }",
     "import java.math.*; import java.time.*; class A { static BigInteger fact(int n) { return BigInteger.TEN; } static BigDecimal half(BigDecimal x) { return x; } static LocalDate next(LocalDate x) { return x; } static char up(char c) { return c; } static double mean(double... x) { return Double.NaN; } }",
     "interface S { BigInteger fact(int n); BigDecimal half(BigDecimal x); LocalDate next(LocalDate x); char up(char c); double mean(double... x); }",
     "S s = Student.statics(S.class, \"A\"); @Test void a() { assertEquals(new BigInteger(\"2432902008176640000\"), s.fact(20)); } @Test void b() { assertEquals(new BigDecimal(\"0.5\"), s.half(BigDecimal.ONE)); } @Test void c() { assertEquals(LocalDate.of(2024, 3, 1), s.next(LocalDate.of(2024, 2, 29))); } @Test void d() { assertEquals('X', s.up('x')); assertEquals(1.5, s.mean(1.5, 2)); }", "pppp", "ffff"),
    ("iteration and constants", "class A implements Iterable<Integer> { public static final int MAX = 7; public java.util.Iterator<Integer> iterator() { return new java.util.Iterator<>() { int n = 0; public boolean hasNext() { return n < 3; } public Integer next() { return n++; } }; } }",
     "class A implements Iterable<Integer> { public static final int MAX = 8; public java.util.Iterator<Integer> iterator() { return null; } }", "",
     "@Test @SuppressWarnings(\"unchecked\") void a() { int sum = 0; for (int x : (Iterable<Integer>) Student.create(Iterable.class, \"A\")) sum += x; assertEquals(3, sum); } @Test void b() { assertEquals(7, Student.constant(\"A\", \"MAX\")); }", "pp", "ef"),
    ("a box of its own for the next test", "class A { static int f(int x) { return x; } }", "class A { static int n = 0; static int f(int x) { if (x == 2) System.exit(1); if (x == 3) { int[] y = new int[1]; return y[x]; } return x; } }",
     "interface S { int f(int x); int missing(); }",
     "S s = Student.statics(S.class, \"A\"); @Test void a() { assertEquals(1, s.f(1)); } @Test void b() { assertEquals(2, s.f(2)); } @Test void c() { assertEquals(3, s.f(3)); } @Test void d() { s.missing(); }", "pppe", "peee"),
]  # fmt: skip


def file_with(interfaces: str, methods: str) -> str:
    """Return a test file whose tests run in the order of their names."""
    return (
        _IMPORTS
        + "import org.junit.jupiter.api.*; import org.junit.jupiter.params.*; import org.junit.jupiter.params.provider.*;\n"
        + "import static org.junit.jupiter.api.Assertions.*; import precieux.*;\n"
        + f"{interfaces}\n@TestMethodOrder(MethodOrderer.MethodName.class)\nclass StudentTest {{ {methods} }}\n"
    )
