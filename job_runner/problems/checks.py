"""Drives the checks of packages. Their state is in rows, so any runner goes on where another has died."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from job_runner.batches.loop import BatchLoop
from job_runner.emails.sending.queue import add_of_batch
from job_runner.engine.charges import Charges
from job_runner.problems import check_rows as rows
from job_runner.problems.check_data import NOT_VALIDATED, DataCheck
from job_runner.problems.check_mail import render_check
from job_runner.problems.check_rows import LEASE_SECONDS, ClaimedData, RunningCheck
from job_runner.problems.check_unit_tests import UnitTestsCheck
from job_runner.problems.package_runs import PackageRuns
from job_runner.problems.time_limit import (
    JuryRun,
    TimeRange,
    bounds_of,
    derived_limit,
    entry_of,
    narrowest,
)
from job_runner.verdict.outcome import costs_an_attempt
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.common.service.background import wait_any
from shared.common.service.errors import DatabaseUnavailable, PermanentError, TransientError
from shared.common.service.logging import get_logger
from shared.judging.packages.model import JurySubmission, Package
from shared.records.problems.phases import Phase
from shared.records.problems.submitting import limits_for, limits_of, time_limit_source
from shared.records.problems.versions import package_of
from shared.records.resources.check_models import CheckResult, CheckVerdict
from shared.records.resources.states import MailKind

log = get_logger(__name__)

_Written = TypeVar("_Written")

#: Seconds after which data is tried again that could not be proved.
_RETRY_SECONDS: Final = 5.0
_POISON: Final = "The validators were begun several times and never ended: the engine or the runner failed each time."
_DELETED: Final = "The version was deleted."


class Checks(BatchLoop):
    """Runs the phases of checks one after the other, and writes their ends. Any number of runners may do it at once."""

    async def run_once(self, among: Collection[int] | None = None) -> int | None:
        """Drive a check whose submissions have ended as far as possible. Return its id; None if no check is due."""
        async with self._database.transaction() as connection:
            check = await rows.next_due(connection, among)
            if check is None:
                return None
            phase, progress = check.phase, _Progress(check, await self._bounds(connection, check))
            while phase < Phase.AT_LIMIT:
                phase = Phase(phase + 1)
                released = False
                for entry in check.entries:
                    if entry["phase"] == phase and entry["submission"] is not None:
                        limits = progress.limits(entry, phase)
                        released |= await rows.release_held(connection, entry["submission"], limits)
                if released:
                    break
            if phase > check.phase:
                await rows.keep_phase(connection, check, phase, progress.time_limit())
            elif check.data is not None:
                await self._finish(connection, check, progress)
        return check.id

    async def _bounds(self, connection: Connection, check: RunningCheck) -> TimeRange:
        """Return what the submissions that have run say of the time limit."""
        bounds: list[TimeRange] = []
        for submission, entry in check.jury if check.derives else ():
            if entry["phase"] < Phase.AT_LIMIT and (run := await rows.run_of(connection, check, entry["submission"])):
                bounds.append(bounds_of(submission, entry, run))
        return narrowest(bounds)

    async def _finish(self, connection: Connection, check: RunningCheck, progress: "_Progress") -> None:
        entries, data = [], list(check.data or ())
        if progress.fault:
            data.append({"path": "", "detail": progress.fault})
        for submission, entry in check.jury:
            run = await rows.run_of(connection, check, entry["submission"])
            entries.append(progress.entry(submission, entry, run))
        is_unexpected = any(entry["result"] == CheckResult.UNEXPECTED for entry in entries)
        is_faulty = any(fault != NOT_VALIDATED for fault in data)
        verdict = CheckVerdict.FAILED if is_faulty or is_unexpected else CheckVerdict.PASSED
        results: dict[str, Any] = {
            "verdict": verdict, "time_limit": progress.time_limit(), "data": data, "entries": entries
        }  # fmt: skip
        if check.email is not None:
            names = check.version.reference, check.version.title or check.package.title
            render = partial(render_check, check.batch, *names, **results, branding=self._branding, locale=check.locale)
            await add_of_batch(connection, MailKind.CHECK, check.batch, [(check.email, check.locale, render)])
        await rows.finish(connection, check, **results, derived_cpu_s=progress.limit_s)
        log.info("check.finished", check=check.id, problem=check.version.reference, verdict=verdict)


class _Progress:
    """What the submissions of a check have shown so far. `limit_s` is the derived time limit; without it, `fault`."""

    def __init__(self, check: RunningCheck, bounds: TimeRange) -> None:
        self._check, self._bounds = check, bounds
        self.limit_s, self.fault = self._derived() if check.derives else (None, "")

    def _derived(self) -> tuple[float | None, str]:
        """Return the derived time limit, or None and why there is none."""
        rule, bounds = self._check.package.time_limit_rule, self._bounds
        max_cpu_s = self._check.bounds["cpu_s"].max
        if bounds.slowest_accepted_s is None:
            return None, "No time limit can be derived, because no accepted submission has run."
        limit_s = derived_limit(rule, bounds.slowest_accepted_s)
        if limit_s > max_cpu_s:
            return None, f"The time limit would be {limit_s:g} s; this server allows {max_cpu_s:g} s at most."
        if rule.must_separate and limit_s * rule.from_too_slow > bounds.too_slow_s:
            return None, (
                f"No time limit can be derived: the submissions that must pass need {limit_s:g} s, and one that must be"
                f" too slow takes only {bounds.too_slow_s:.3g} s."
            )
        return limit_s, ""

    def limits(self, entry: Mapping[str, Any], phase: Phase) -> dict[str, float | int]:
        """Return the limits of a submission of this phase."""
        check = self._check
        cpu_s = self.limit_s
        if cpu_s is not None and phase is Phase.FROM_ABOVE:
            cpu_s *= check.package.time_limit_rule.from_too_slow
        version = replace(check.version, derived_cpu_s=cpu_s)
        return limits_for(version, entry["codes"], check.bounds, check.factors)

    def time_limit(self) -> dict[str, Any] | None:
        """Return the time limit as answers have it; None before it is derived."""
        version = self._check.version
        source = "check" if self._check.derives else time_limit_source(version)
        cpu_s = self.limit_s if self._check.derives else limits_of(version, self._check.bounds)["cpu_s"]
        if cpu_s is None:
            return None
        return {
            "cpu_s": cpu_s,
            "from": source,
            "slowest_accepted_s": self._bounds.slowest_accepted_s,
            "fastest_too_slow_s": self._bounds.fastest_too_slow_s,
        }

    def entry(self, submission: JurySubmission, entry: Mapping[str, Any], run: JuryRun | None) -> dict[str, Any]:
        """Return the entry of a submission with its result."""
        limit_s = None if self.limit_s is None or entry["has_own_limit"] else self.limit_s * entry["factor"]
        return entry_of(submission, entry, run, limit_s, self._check.package.time_limit_rule.from_too_slow)


class DataChecks:
    """Runs the validators of packages on their data. `run` may run several times at once."""

    def __init__(self, database: Database, runs: PackageRuns, charges: Charges, *, poll_interval: float) -> None:
        self._database = database
        self._runs = runs
        self._charges = charges
        self._poll_interval = poll_interval

    async def run(self, stop: asyncio.Event) -> None:
        async with self._database.listen(channels.CHECKS) as notified:
            while not stop.is_set():
                notified.clear()
                timeout = self._poll_interval
                try:
                    while not stop.is_set() and await self.run_once(stop, notified):
                        pass
                except TransientError as exc:
                    timeout = _RETRY_SECONDS
                    log.warning("checks.waiting", error=str(exc), next_try_s=timeout)
                await wait_any(stop, notified, timeout=timeout)

    async def run_once(self, stop: asyncio.Event, notified: asyncio.Event) -> bool:
        """Prove the data of one check. Return False if none waits for it. Look at the claim when `notified`."""
        # A claim without its package is not committed.
        async with self._database.transaction() as connection:
            claimed = await rows.claim_data(connection)
            package = await package_of(connection, claimed.version) if claimed else None
        if claimed is None:
            return False
        faults: list[dict[str, str]] = [{"path": "", "detail": _DELETED if package is None else _POISON}]
        if package is not None and not claimed.is_poison:
            proving = asyncio.create_task(self._prove(claimed, package))
            if not await self._while_leased(claimed, proving, stop, notified):
                await self._release(stop, claimed, seconds=0.0, is_attempt=False)
                return True
            try:
                faults = proving.result()
            except PermanentError as exc:
                faults = [{"path": "", "detail": f"The data could not be checked: {exc}."}]
            except TransientError as exc:
                await self._release(stop, claimed, seconds=_RETRY_SECONDS, is_attempt=costs_an_attempt(exc))
                raise
        if not await self._write(stop, partial(rows.keep_data, claimed=claimed, faults=faults)):
            await self._release(stop, claimed, seconds=0.0, is_attempt=False)
        return True

    async def _prove(self, claimed: ClaimedData, package: Package) -> list[dict[str, str]]:
        kind = UnitTestsCheck if package.unit_tests else DataCheck
        check = kind(self._runs, package, f"key-{claimed.owner or 0}")
        try:
            await check.run()
        finally:
            await self._charges.add(claimed.owner or 0, check.run_time.seconds)
        return check.faults

    async def _while_leased(
        self, claimed: ClaimedData, proving: "asyncio.Task[Any]", stop: asyncio.Event, notified: asyncio.Event
    ) -> bool:
        """Return True when the data is proved; False if the lease is lost or the service stops, after its end.

        Without a database no other runner can claim the check, so the lease is still ours.
        """
        proving.add_done_callback(lambda _: notified.set())
        try:
            while True:
                await wait_any(stop, notified, timeout=LEASE_SECONDS / 3)
                notified.clear()
                if proving.done():
                    return True
                if stop.is_set() or not await self._write(stop, partial(rows.renew, claimed=claimed)):
                    return False
        finally:
            if not proving.done():
                proving.cancel()
                await asyncio.gather(proving, return_exceptions=True)

    async def _release(self, stop: asyncio.Event, claimed: ClaimedData, *, seconds: float, is_attempt: bool) -> None:
        await self._write(stop, partial(rows.release, claimed=claimed, seconds=seconds, is_attempt=is_attempt))

    async def _write(self, stop: asyncio.Event, write: Callable[[Connection], Awaitable[_Written]]) -> _Written:
        """Write as soon as the database takes it. Raise `DatabaseUnavailable` if the service stops before."""
        while True:
            try:
                return await self._database.call(write)
            except DatabaseUnavailable as exc:
                log.warning("checks.waiting", error=str(exc), next_try_s=_RETRY_SECONDS)
                if stop.is_set():
                    raise
            await wait_any(stop, timeout=_RETRY_SECONDS)
