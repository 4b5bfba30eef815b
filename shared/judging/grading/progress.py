"""What is known of a run while its tests run. Pure."""

from collections.abc import Iterator

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.judging.grading.award import Award
from shared.judging.grading.scheme import Scheme


class Progress:
    """The results of the tests so far. `chains` are the groups that hold a group, from itself to the root."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.groups = {group.name: group for group in scheme.groups}
        self.tests = {test.number: test for test in scheme.tests}
        self.chains = {name: tuple(self._ancestors(name)) for name in self.groups}
        #: The tests of each group and of the groups in it.
        self.members: dict[str, list[int]] = {name: [] for name in self.groups}
        for test in scheme.tests:
            for name in self.chains[test.group]:
                self.members[name].append(test.number)
        self.awards: dict[int, Award] = {}
        #: The grades of groups, which legacy packages have.
        self.grades: dict[str, Award] = {}
        #: Groups of which nothing more is run.
        self.ended: set[str] = set()
        #: Why the run could not be graded, if it could not. "" if the judge said no more than that.
        self.error: str | None = None

    def fail(self, error: str) -> None:
        self.error = self.error or error

    def is_open(self, number: int) -> bool:
        """Return True if no group that holds the test has ended."""
        return self.ended.isdisjoint(self.chains[self.tests[number].group])

    def passed(self, name: str) -> int:
        """Return how many tests of a group were accepted."""
        return sum(verdict in GOOD_VERDICTS for verdict in self.verdicts(name))

    def points(self, number: int) -> float:
        return (self.awards[number].points or 0.0) if number in self.awards else 0.0

    def verdicts(self, name: str) -> list[Verdict]:
        return [self.awards[number].verdict for number in self.members[name] if number in self.awards]

    def _ancestors(self, name: str | None) -> Iterator[str]:
        while name is not None:
            yield name
            name = self.groups[name].parent
