"""Finding the class to start in any Java source."""

import pytest

from executor.languages.java_source import find_main

_MAIN = "public static void main(String[] args) {}"


@pytest.mark.parametrize(
    ("source", "stem", "main"),
    [
        (f"public class Main {{ {_MAIN} }}", "Main", "Main"),
        (f"class A {{}} public final class B {{ {_MAIN} }}", "B", "B"),
        (f"package a.b ; class A {{ {_MAIN} }}", "A", "a.b.A"),
        (f"public class A {{}} class B {{ {_MAIN} }}", "A", "B"),
        (f"class A {{ class Inner {{}} }} class B {{ {_MAIN} }}", "B", "B"),
        (f"class A {{ {_MAIN} }} class B {{ {_MAIN} }}", "A", "A"),
        (f"// public class No {{\nclass Yes {{ {_MAIN} }}", "Yes", "Yes"),
        (f"/* public class No {{ */ class Yes {{ {_MAIN} }}", "Yes", "Yes"),
        ("class Yes { String s = \"} public class No {\"; char c = '}'; " + _MAIN + " }", "Yes", "Yes"),
        ('class Yes { String s = """\n} public class No {\n"""; ' + _MAIN + " }", "Yes", "Yes"),
        (f"public record R(int x) {{ {_MAIN} }}", "R", "R"),
        (f"public enum E {{ A; {_MAIN} }}", "E", "E"),
        (f"public interface I {{ {_MAIN.removeprefix('public ')} }}", "I", "I"),
        (f"@Deprecated public abstract class Größe$1<T extends Comparable<T>> {{ {_MAIN} }}", "Größe$1", "Größe$1"),
        (f"public sealed class S permits T {{ {_MAIN} }} final class T extends S {{}}", "S", "S"),
        ("import java.util.*;", "Main", "Main"),
        ("", "Main", "Main"),
        ("class Unclosed {", "Unclosed", "Unclosed"),
        (f"public @Wanted({{1, 2}}) class A {{ {_MAIN} }}", "A", "A"),
        ("package /* of */ a /**/ . b; class /* the */ A { void /**/ main (String[] args) {} }", "A", "a.b.A"),
        (f"@interface Wanted {{ int[] value(); }} class A {{ Class<?> c = B.class; {_MAIN} }}", "A", "A"),
    ],
)
def test_find_main(source: str, stem: str, main: str) -> None:
    assert find_main(source) == (stem, main)


@pytest.mark.parametrize("source", ["class {} {{ void main() }}", "package {}; class A {{}}"])
def test_names_too_long_for_a_file_or_command_are_not_used(source: str) -> None:
    assert find_main(source.format("A" * 60000)) == ("Main", "Main")


def test_only_the_beginning_of_a_huge_source_counts() -> None:
    table = "int[][] table = {" + "{1, 2}," * 100_000 + "};"
    assert find_main(f"package a; public class A {{ {table} {_MAIN} }} class B {{ }}") == ("A", "a.A")
