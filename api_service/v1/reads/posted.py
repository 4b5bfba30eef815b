"""Makes the resource of a submission that was stored just now. Pure."""

from api_service.languages.catalog import LanguageCatalog
from api_service.submissions.new_submission import NewSubmission
from api_service.submissions.rows import Stored
from shared.engine_api.program import TESTS
from shared.records.resources import mapping
from shared.records.resources.links import Links
from shared.records.resources.models import File, Queue, Run, Submission, Test, Webhook
from shared.records.resources.states import State, WebhookState


def posted(
    new: NewSubmission, stored: Stored, catalog: LanguageCatalog, links: Links, queue: Queue | None
) -> Submission:
    """Return a submission without a problem. It has no job, mail or webhook yet."""
    assert new.spec is not None
    languages = {"": new.language, **{name: judge.language for name, judge in new.spec.judges.items()}}
    bounds = {name: language.limits for name, code in languages.items() if (language := catalog.find(code))}
    return Submission(
        id=stored.id,
        state=State.HELD if new.hold else State.QUEUED,
        verdict=None,
        language=new.language,
        entry=new.filename,
        files=[File(path=file.path, size_bytes=file.size_bytes) for file in new.files or ()],
        **mapping.shown(new.spec, bounds),
        email=new.email,
        metadata=dict(new.metadata or {}),
        batch=None,
        created_at=stored.created_at,
        queue=queue,
        run=None if new.hold else _run(new, stored),
        runs=0 if new.hold else 1,
        mail=None,
        webhook=None if new.webhook_url is None else _webhook(new.webhook_url),
        links=links.submission(stored.id, has_recipient=new.email is not None),
    )


def _run(new: NewSubmission, stored: Stored) -> Run:
    tests = [Test(**spec.shown(number)) for number, spec in enumerate(TESTS.validate_json(new.tests or "[]"), 1)]
    points = sum(test.points or 0.0 for test in tests) if tests else None
    return mapping.waiting_run(1, stored.created_at, points, tests or None)


def _webhook(url: str) -> Webhook:
    return Webhook(
        url=url, state=WebhookState.PENDING, attempts=0, last_status=None, last_error=None, next_attempt_at=None
    )
