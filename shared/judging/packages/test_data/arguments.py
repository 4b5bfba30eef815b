"""The arguments of tests. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.engine_api.icpc_args import TOLERANCES, parse_args
from shared.engine_api.run_call.limits import check_args
from shared.judging.packages.faults import FaultList
from shared.judging.packages.fields import Fields
from shared.judging.packages.model import PackageTest

#: Each test has its own copy of what its groups hand down.
_MAX_ARGUMENTS: Final = 1 << 20


@dataclass
class Arguments:
    """The arguments of a test, as its groups hand them down."""

    args: tuple[str, ...] = ()
    checker_args: tuple[str, ...] = ()
    validator_args: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def bounded_names(fields: Fields, key: str, named: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """Return the arguments of input validators; none if there are too many of them and of their names."""
    words = (*named, *(word for args in named.values() for word in args))
    return named if fields.bounded(key, words) else {}


class ArgumentChecks:
    """Notes the arguments that a checker does not take, and bounds the arguments of all tests.

    A program that judges (`has_checker`) takes any. `last_counts`: the default checker may get an argument repeatedly.
    """

    def __init__(self, faults: FaultList, *, has_checker: bool, last_counts: bool) -> None:
        self._faults, self._has_checker, self._last_counts = faults, has_checker, last_counts
        self._known: set[tuple[str, ...]] = set()
        self._shortened: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._free_characters = _MAX_ARGUMENTS

    def checked(self, args: tuple[str, ...], path: str) -> tuple[str, ...]:
        """Return the arguments of a test's checker. Arguments that the default checker does not know are faults."""
        if self._last_counts and not self._has_checker:
            # All tests with the same arguments share them.
            if args not in self._shortened:
                self._shortened[args] = _last_counts(args)
            args = self._shortened[args]
        if args not in self._known:
            self._known.add(args)
            check: Callable[[tuple[str, ...]], object] = check_args if self._has_checker else parse_args
            try:
                check(args)
            except ValueError as error:
                self._faults.add(path, str(error))
        return args

    def count(self, *lists: tuple[str, ...]) -> None:
        """Count the arguments of a test or a group. Raises `PackageError` when there are too many."""
        self._free_characters -= sum(sum(map(len, words)) + len(words) for words in lists)
        if self._free_characters < 0:
            raise self._faults.fail("data", f"The arguments of all tests have over {_MAX_ARGUMENTS} characters.")

    def count_test(self, test: PackageTest) -> None:
        named = test.input_validator_args
        self.count(test.args, test.checker_args, tuple(named), *named.values())


def _last_counts(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arguments of the default checker, each once: in legacy packages the last one counts."""
    flags: dict[str, None] = {}
    tolerances: dict[str, str] = {}
    words = iter(args)
    for word in words:
        if word in TOLERANCES:
            number = next(words, None)
            if number is None:
                flags[word] = None
            else:
                tolerances |= dict.fromkeys(TOLERANCES[word], number)
        else:
            flags[word] = None
    pairs = (word for kind, number in sorted(tolerances.items()) for word in (f"float_{kind}_tolerance", number))
    return (*pairs, *flags)
