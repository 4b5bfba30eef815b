from tests import problems_reference


def test_the_reference_has_all_kinds_of_problems() -> None:
    assert problems_reference.PAGE.read_text() == problems_reference.page()
