"""Folds the groups of packages of 2025-09 and of Polygon, by the policies of their groups. Pure."""

from collections.abc import Iterable
from heapq import heappop, heappush

from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.judging.grading.progress import Progress
from shared.judging.grading.scheme import Fold, Group, Policy, fold_scores


class PolicyFold:
    """Folds by `Group.policy`, and ends the groups that a rejected test leaves nothing to earn."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._dependents: dict[str, list[str]] = {name: [] for name in progress.groups}
        for group in progress.scheme.groups:
            for required in group.requires:
                self._dependents.setdefault(required, []).append(group.name)
        #: Groups whose requirements are not met.
        self._unmet: set[str] = set()
        self.order = self._run_order()

    def reject(self, number: int) -> None:
        """End the groups that earn no more after a test was not accepted."""
        has_nothing, progress = True, self._progress
        for name in progress.chains[progress.tests[number].group]:
            self._close_dependents(name)
            policy = progress.groups[name].policy
            has_nothing = policy is Policy.ALL or (policy is Policy.MIN and has_nothing)
            if has_nothing:
                progress.ended.add(name)

    def points(self, group: Group) -> float:
        """Return what the group earns, from the tests so far."""
        if group.name in self._unmet:
            return 0.0
        progress = self._progress
        members = progress.members[group.name]
        if group.policy is Policy.ALL:
            return group.points or 0.0 if progress.passed(group.name) == len(members) else 0.0
        if group.policy is Policy.MIN and progress.scheme.fold is Fold.POLYGON:
            return (group.points or 0.0) * min(map(self._share, members), default=0)
        children = [
            self.points(progress.groups[child]) if isinstance(child, str) else progress.points(child)
            for child in group.children
        ]
        return fold_scores(group.policy, children)

    def _share(self, number: int) -> float:
        awards, max_points = self._progress.awards, self._progress.tests[number].points
        if max_points:
            return self._progress.points(number) / max_points
        return 1.0 if number in awards and awards[number].verdict in GOOD_VERDICTS else 0.0

    def _close_dependents(self, name: str) -> None:
        """End all groups that require this group, directly or not."""
        closed = list(self._dependents[name])
        while closed:
            dependent = closed.pop()
            if dependent not in self._unmet:
                self._unmet.add(dependent)
                self._progress.ended.add(dependent)
                closed += self._dependents[dependent]

    def _run_order(self) -> list[int]:
        """Return the tests by their numbers, but each after those of the groups that its groups require."""
        chains, members, tests = self._progress.chains, self._progress.members, self._progress.tests
        left = {name: len(numbers) for name, numbers in members.items()}
        missing = {
            group.name: {name for name in group.requires if members.get(name)} for group in self._progress.scheme.groups
        }
        waiting = set(tests)
        order: list[int] = []
        ready: list[int] = []

        def release(numbers: Iterable[int]) -> None:
            for number in numbers:
                if number in waiting and not any(missing[name] for name in chains[tests[number].group]):
                    waiting.remove(number)
                    heappush(ready, number)

        release(tests)
        while ready:
            order.append(heappop(ready))
            for name in chains[tests[order[-1]].group]:
                left[name] -= 1
                for dependent in self._dependents[name] if not left[name] else ():
                    missing[dependent].discard(name)
                    release(members[dependent])
        return order
