"""The use cases: register a submission, and request its execution."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from api_service.access.principal import Principal
from api_service.access.recipients import ALL_RECIPIENTS, Recipients
from api_service.http.errors import ApiError, Fault, Kind
from api_service.limits import rate_limits
from api_service.limits.backlog import KeyBacklog
from api_service.limits.holds import KeySemaphore
from api_service.limits.rate_limits import RateLimit
from api_service.submissions import rows
from api_service.submissions.new_submission import NewSubmission, Object
from api_service.submissions.post_groups import PostGroups
from api_service.submissions.quota_costs import QuotaCosts
from api_service.submissions.rows import Stored
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.sources import judge_key, source_key
from shared.common.service.background import all_of
from shared.common.service.in_groups import in_groups
from shared.common.service.logging import get_logger

log = get_logger(__name__)

_FILES_AT_ONCE: Final = 8
#: Bytes of the rows of a batch that are sent at once. A larger row is sent alone.
_BYTES_AT_ONCE: Final = 1 << 20

#: Does something at the end of the transaction that has stored something, given its id or number.
OnStored = Callable[[Connection, int], Awaitable[None]]


class IdTaken(ApiError):
    """A submission has the id that a client has chosen, or had it before it was deleted."""

    def __init__(self, upload_id: int) -> None:
        super().__init__(Kind.CONFLICT, f"id {upload_id} is taken: choose another, or leave it out.")


class RunUnderWay(ApiError):
    """A run of the submission, or of the batch, has not ended."""

    def __init__(self, what: str = "submission") -> None:
        super().__init__(Kind.UNDER_WAY, f"A run of this {what} is under way: wait until it has ended, or cancel it.")


@dataclass(frozen=True, slots=True)
class Submissions:
    """Registers submissions, and requests their execution.

    A key reaches only its own submissions; `admin` reaches all. Budgets are per hour. They and the `backlog` of a key
    do not apply to `admin`. `recipients` applies to all.
    """

    database: Database
    store: ObjectStore
    costs: QuotaCosts
    backlog: KeyBacklog = field(default_factory=KeyBacklog)
    recipients: Recipients = ALL_RECIPIENTS
    #: More at once would not be faster, because they would wait for each other's locks on the rows of their budgets.
    semaphore: KeySemaphore = field(default_factory=lambda: KeySemaphore(2))
    groups: PostGroups = field(default_factory=PostGroups)

    async def register(self, principal: Principal, new: NewSubmission) -> int:
        """Store a submission of a classic call, and return its id.

        Raises `ApiError`: 409 if the chosen id is taken, 422 if the address may not be mailed, 429 if a budget is used
        up or too much waits.

        The file is stored inside the transaction. If two requests choose one id, the second waits for the row of the
        first and never touches its file. A crash can leave a file without a row. The next submission with its id
        replaces it.
        """
        async with self.semaphore.take(principal), self.database.transaction() as connection:
            await self._check(connection, principal, [new])
            while not (inserted := await rows.insert_all(connection, principal, [(new, new.source.sha256, None)])):
                if new.id is not None:
                    raise IdTaken(new.id)
                # Clients have chosen all ids that the sequence gave, perhaps one of them just now. Try its next.
            [stored] = inserted.values()
            # The insertion waits for a deletion of the same id, which this statement therefore sees.
            if new.id is not None and await rows.is_deleted(connection, new.id):
                raise IdTaken(new.id)
            await self._store([(f"{stored.id}{new.source.suffix}", new.source)])
        return stored.id

    async def post(self, principal: Principal, new: NewSubmission, on_stored: OnStored | None = None) -> Stored:
        """Store a submission of API v1, and request its run unless it is held.

        Raises `ApiError`: 422 if the address may not be mailed, 429 if a budget is used up.
        """
        # What waits for the store, or may be undone in favour of another transaction, would hold up a group.
        if on_stored is None and not new.has_objects and new.problem_version is None:
            return await self.groups.store(principal, new, self._store_group)
        async with self.semaphore.take(principal):
            if on_stored is None:
                [stored] = await self._store_group(principal, [new])
                return stored
            async with self.database.transaction() as connection:
                [stored] = await self.add(connection, principal, [new])
                await on_stored(connection, stored.id)
        return stored

    async def _store_group(self, principal: Principal, new: Sequence[NewSubmission]) -> list[Stored]:
        # Without budgets there is nothing to undo, and a single statement needs no explicit transaction.
        is_single = principal.sees_all and len(new) == 1
        async with self.database.connection() if is_single else self.database.transaction() as connection:
            return await self.add(connection, principal, new)

    async def add(
        self,
        connection: Connection,
        principal: Principal,
        new: Sequence[NewSubmission],
        *,
        has_digest: bool = False,
        digest_to: str | None = None,
    ) -> list[Stored]:
        """Store submissions of API v1 in the caller's transaction. Raises as `post` does.

        With `has_digest`, each address gets one mail for all of them; `digest_to` gets a mail about all beside theirs.
        """
        self._check_recipient(principal, digest_to)
        await self._check(connection, principal, new, has_digest=has_digest, digest_to=digest_to)
        return await self.add_taken(connection, principal, new)

    async def charge_for_check(
        self,
        connection: Connection,
        principal: Principal,
        email: str | None,
        *,
        requested: Sequence[int],
        held: Sequence[int],
    ) -> None:
        """Take what a check costs from the budgets and the backlog: its mail, and the bytes of the jury's submissions.

        These do not count as `submissions` or `runs`. Raises `ApiError` (422 or 429).
        """
        self._check_recipient(principal, email)
        mails = [] if email is None else self.costs.of_mails(principal, email, 1)
        size = sum(requested) + sum(held)
        await self._take(connection, principal, [self.costs.source_bytes(principal, size), *mails], requested)

    async def add_taken(
        self, connection: Connection, principal: Principal, new: Sequence[NewSubmission]
    ) -> list[Stored]:
        """Store submissions that the budgets and the backlog have taken already."""
        keys = await self._store_sources(new)
        stored: list[Stored] = []
        for group in in_groups(zip(new, keys, strict=True), lambda pair: pair[0].size_bytes, _BYTES_AT_ONCE):
            stored += await _insert_named(connection, principal, group)
        return stored

    async def _check(
        self,
        connection: Connection,
        principal: Principal,
        new: Sequence[NewSubmission],
        *,
        has_digest: bool = False,
        digest_to: str | None = None,
    ) -> None:
        """Take what these submissions cost from the budgets and the backlog. Raises `ApiError` (422 or 429)."""
        for submission in new:
            self._check_recipient(principal, submission.email)
        if not principal.sees_all:
            costs = self.costs.of_submissions(principal, new, has_digest=has_digest, digest_to=digest_to)
            await self._take(connection, principal, costs, [posted.stored_bytes for posted in new if not posted.hold])

    async def _take(
        self,
        connection: Connection,
        principal: Principal,
        costs: Sequence[RateLimit],
        sizes: Sequence[int],
        upload: int | None = None,
    ) -> None:
        """Take the costs from the budgets, and requests of these sizes, or that of `upload`, from the backlog."""
        if principal.sees_all:
            return
        assert principal.key_id is not None
        if run_time := self.costs.run_seconds(principal):
            await rate_limits.check(connection, run_time)
        await rate_limits.take(connection, costs)
        if sizes or upload is not None:
            await self.backlog.admit(connection, principal.key_id, len(sizes), sum(sizes), upload=upload)

    async def _store_sources(self, new: Sequence[NewSubmission]) -> list[str]:
        """Store the files that rows do not hold before the rows, and return the keys of all.

        The keys are random, so that no file is replaced and none needs to know its row. After an error it is unknown
        whether the rows were stored, so the files stay. The runner's cleaner removes those without a row, also after a
        crash (`job_runner.upkeep.orphans`).
        """
        today = datetime.now(UTC).date()
        keys = [source_key(today, submission.source.suffix) for submission in new]
        objects = []
        for key, submission in zip(keys, new, strict=True):
            if not submission.is_in_row:
                objects.append((key, submission.source))
            objects += [(judge_key(key, name), judge) for name, judge in submission.judges.items()]
        await self._store(objects)
        return keys

    async def _store(self, objects: Sequence[tuple[str, Object]]) -> None:
        left = iter(objects)

        async def store_some() -> None:
            for key, source in left:
                await self.store.put(key, source.data, content_type=source.content_type)

        await all_of(store_some() for _ in range(min(len(objects), _FILES_AT_ONCE)))

    async def request_execution(self, principal: Principal, upload_id: int) -> bool | None:
        """Request the execution of an upload, as the classic call does. Return True if a request is under way.

        Return None if there is no such upload, False if it is blocked. While a request is under way, another one
        changes nothing and costs nothing.

        Raises `ApiError`: 422 if the address may not be mailed any more, 429 if a budget of the key, the recipient or
        the recipient's domain is used up.
        """
        # Without limits there is nothing to undo, and a single statement needs no explicit transaction.
        async with (
            self.semaphore.take(principal),
            self.database.transaction() if self._is_limited(principal) else self.database.connection() as connection,
        ):
            if await self._request(connection, principal, upload_id, None, enable_binds=True) is None:
                row = await rows.find(connection, principal, upload_id)
                return None if row is None else bool(row["enable"] == 0)
        return True

    async def request_run(
        self,
        principal: Principal,
        upload_id: int,
        override: Mapping[str, Any] | None = None,
        on_stored: OnStored | None = None,
    ) -> int:
        """Request a run of a submission, and return the run's number. `override` has its own stdin, args and limits.

        Raises `RunUnderWay` (409), or `ApiError`: 404 if there is no such submission, 422 if the address may not be
        mailed any more, 429 if a budget is used up or too much waits.
        """
        async with self.semaphore.take(principal), self.database.transaction() as connection:
            # Never NULL, by which the consumer knows that `enable` does not bind this run.
            number = await self._request(connection, principal, upload_id, override or {}, enable_binds=False)
            if number is None:
                row = await rows.find(connection, principal, upload_id)
                if row is None:
                    raise ApiError(Kind.NOT_FOUND, "There is no such submission.")
                raise RunUnderWay()
            if on_stored is not None:
                await on_stored(connection, number)
        return number

    async def _request(
        self,
        connection: Connection,
        principal: Principal,
        upload_id: int,
        override: Mapping[str, Any] | None,
        *,
        enable_binds: bool,
    ) -> int | None:
        row = await rows.request(connection, principal, upload_id, override, enable_binds=enable_binds)
        if row is None:
            return None
        if self._is_limited(principal):
            self._check_recipient(principal, row["email"])
        costs = self.costs.of_execution(principal, row["email"], 2 if row["has_receipt"] else 1)
        await self._take(connection, principal, costs, (), upload_id)
        log.debug("execution.requested", request=str(row["request_id"]), upload=upload_id)
        number: int = row["runs"]
        return number

    def refusal(self, principal: Principal, email: str) -> str | None:
        """Return why an address may not be mailed, as a sentence; None if it may."""
        if not self.recipients.allows(email):
            return (
                "This server may not mail this address, because its operator allows only certain recipients: use one of"
                " them, or ask the operator to allow yours."
            )
        if not Recipients(principal.recipients).allows(email):
            return (
                "This API key may not send mail to this address, because it was created for certain recipients: use one"
                " of them, or use another key."
            )
        return None

    def _is_limited(self, principal: Principal) -> bool:
        return not principal.sees_all or self.recipients is not ALL_RECIPIENTS

    async def take_mail(self, connection: Connection, principal: Principal, email: str) -> None:
        """Take one mail from the budgets of an address. Raises `ApiError`, as `request_execution` does."""
        self._check_recipient(principal, email)
        if not principal.sees_all:
            await rate_limits.take(connection, self.costs.of_mails(principal, email, 1))

    def _check_recipient(self, principal: Principal, email: str | None) -> None:
        if email is not None and (refusal := self.refusal(principal, email)):
            raise ApiError(Kind.INVALID, refusal, [Fault(refusal, pointer="/email")])


async def _insert_named(
    connection: Connection, principal: Principal, new: Sequence[tuple[NewSubmission, str]]
) -> list[Stored]:
    """Insert the rows of submissions with these keys. Files that rows do not hold are stored already."""
    left = [(submission, submission.source.sha256, key) for submission, key in new]
    stored: dict[str, Stored] = {}
    while left:
        stored |= await rows.insert_all(connection, principal, left)
        # Of what is left, a client has chosen the sequence's next id just now.
        left = [submission for submission in left if submission[2] not in stored]
    return [stored[key] for _, key in new]
