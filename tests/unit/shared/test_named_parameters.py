import pytest

from shared.adapters.database.connection import numbered


@pytest.mark.parametrize(
    ("sql", "expected", "arguments"),
    [
        ("SELECT 1", "SELECT 1", []),
        ("SELECT :a, :b", "SELECT $1, $2", ["A", "B"]),
        ("SELECT :b, :a, :b", "SELECT $1, $2, $1", ["B", "A"]),
        ("SELECT :a_1,(:a)", "SELECT $1,($2)", ["A1", "A"]),
        ("SELECT CAST(:a AS bigint), now()::date, :b::text", "SELECT CAST($1 AS bigint), now()::date, $2::text", None),
        ("SELECT ':a', ':a '':a', :b", "SELECT ':a', ':a '':a', $1", ["B"]),
        ('SELECT ":a", :b', 'SELECT ":a", $1', ["B"]),
        ("SELECT :a -- the sender's own :a\n, :b", "SELECT $1 -- the sender's own :a\n, $2", ["A", "B"]),
        ("SELECT /* it's\n:a */ :b", "SELECT /* it's\n:a */ $1", ["B"]),
        ("SELECT x[1:2], '{a:b}', headers ->> 'a' = :a", "SELECT x[1:2], '{a:b}', headers ->> 'a' = $1", ["A"]),
        ("SELECT 100 % 7, '%s', :a", "SELECT 100 % 7, '%s', $1", ["A"]),
    ],
)
def test_a_name_becomes_its_number_wherever_it_is_a_parameter(
    sql: str, expected: str, arguments: list[str] | None
) -> None:
    values = {"a": "A", "b": "B", "a_1": "A1", "unused": "U"}
    assert numbered(sql, values) == (expected, ["A", "B"] if arguments is None else arguments)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(KeyError, match="a"):
        numbered("SELECT :a", None)
