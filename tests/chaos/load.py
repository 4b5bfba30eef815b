"""Patient clients: they repeat each submission until the server has accepted it."""

import queue
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Self

import requests

from tests.chaos.v1 import Kind, Posted, kinds

_TIMEOUT: Final = (2, 4)  # s to connect, and between two pieces of an answer
_CLIENTS: Final = 4
_FIRST_ID: Final = 1_000_000


@dataclass
class Submission:
    """`tries` counts the requests that were accepted or whose answer was lost: each may have made a job."""

    number: int
    began: float = field(default_factory=time.monotonic)
    tries: int = 0
    accepted: float | None = None

    @property
    def id(self) -> int:
        """The id that the client chooses, which is out of the way of those that the server assigns."""
        return _FIRST_ID + self.number

    @property
    def email(self) -> str:
        return f"sender-{self.number}@example.com"


class Load:
    """`submit` and `post` return at once; a few clients work on the submissions in parallel."""

    def __init__(self, *urls: str, key: str | None = None) -> None:
        #: The addresses of the servers. Each attempt takes one; they may change between two requests.
        self.urls = urls
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._todo: queue.Queue[Submission | Posted | None] = queue.Queue()
        self._clients = [threading.Thread(target=self._work, daemon=True) for _ in range(_CLIENTS)]
        self._giving_up = threading.Event()
        self.submissions: list[Submission] = []
        #: What is posted to API v1.
        self.posted: list[Posted] = []
        self._kinds = kinds()
        #: Answers that neither accept nor say "try again later": there must be none (P6).
        self.strange: list[str] = []
        #: Answers 503: try again later.
        self.put_off = 0

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._giving_up.set()
        for _client in self._clients:
            self._todo.put(None)
        for client in self._clients:
            client.join()

    def submit(self, count: int = 1) -> list[Submission]:
        new = [Submission(len(self.submissions) + 1 + each) for each in range(count)]
        self.submissions += new
        for submission in new:
            self._todo.put(submission)
        return new

    def post(self, webhook_url: str, kind: Kind | None = None) -> Posted:
        """Post to API v1: each kind in turn, if none is named."""
        new = Posted(len(self.posted) + 1, kind or next(self._kinds), webhook_url)
        self.posted.append(new)
        self._todo.put(new)
        return new

    @property
    def all_accepted(self) -> bool:
        return all(one.accepted for one in self.submissions) and all(one.is_settled for one in self.posted)

    def _work(self) -> None:
        with requests.Session() as session:
            session.headers.update(self._headers)
            while (submission := self._todo.get()) is not None:
                while not self._giving_up.is_set() and not self._try(session, submission):
                    self._giving_up.wait(0.2)

    def _try(self, session: requests.Session, submission: Submission | Posted) -> bool:
        url = random.choice(self.urls)
        if isinstance(submission, Posted):
            try:
                refusal = submission.attempt(session, url)
            except requests.RequestException:
                return False
            return refusal is None or self._put_off(refusal)
        number = submission.number
        form = {
            "id": str(submission.id),
            "email": submission.email,
            "language": "py",
            "inputs": str(number),
            "enable": "0",
        }
        try:
            answer = session.post(
                f"{url}/submit_email/", data=form, files={"file": ("p.py", b"print(input())")}, timeout=_TIMEOUT
            )
            # 409: it was registered before, and the answer was lost.
            if not answer.ok and answer.status_code != 409:
                return self._put_off(answer)
            submission.tries += 1
            answer = session.get(f"{url}/check_email/", params={"id": submission.id}, timeout=_TIMEOUT)
        except requests.RequestException:
            return False
        # 400: it is blocked, so its run was requested before, and has failed; `judge` decides whether it may.
        if not answer.ok and answer.status_code != 400:
            return self._put_off(answer)
        submission.accepted = time.monotonic()
        return True

    def _put_off(self, answer: requests.Response) -> bool:
        # 409: the first request with the same Idempotency-Key is under way, or was until a kill.
        if answer.status_code == 503 or (answer.status_code == 409 and "Retry-After" in answer.headers):
            self.put_off += 1
        else:
            self.strange.append(f"{answer.status_code}: {answer.text[:200]}")
        return False
