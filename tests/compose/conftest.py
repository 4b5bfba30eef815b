from tests.fixtures.compose import stack

__all__ = ["stack"]
