"""The three classic calls: exactly the original's answers, and an answer to every mistake."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hyp_settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from starlette.types import Message, Scope

from api_service.background.outbox_publisher import OutboxPublisher
from precieux.postgres.embedded import EmbeddedPostgres
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import StoreUnavailable
from tests.fixtures.postgres import connected
from tests.integration.api_service.conftest import ApiWith, RecordingBroker, client_of
from tests.integration.rows import execute, fetch
from tests.waiting import eventually

SOURCE = b"print(input())\n"


async def submit(
    api: httpx.AsyncClient, *, file: tuple[str, bytes] | None = ("a.py", SOURCE), as_form: bool = False, **fields: Any
) -> httpx.Response:
    fields = {"email": "someone@example.com", "inputs": "in", "language": "python", "enable": 0, **fields}
    fields = {name: value for name, value in fields.items() if value is not None}
    files = {"file": file} if file else {"other": ("", b"")}
    if as_form:
        return await api.post("/submit_email/", data=fields, files=files)
    return await api.post("/submit_email/", params=fields, files=files)


@pytest.mark.parametrize("as_form", [False, True])
async def test_a_submission_is_registered_as_in_the_original(
    api: httpx.AsyncClient, database: Database, store: LocalStore, as_form: bool
) -> None:
    answer = await submit(api, id=5, as_form=as_form)
    assert (answer.status_code, answer.text) == (200, '"Your submission was registered with ID: 5"')
    [row] = await fetch(database, "SELECT id, email, inputs, language, enable, object_key FROM uploads")
    assert row == {
        "id": 5,
        "email": "someone@example.com",
        "inputs": "in",
        "language": "python",
        "enable": 0,
        "object_key": "5.py",
    }
    assert await store.get("5.py") == SOURCE


async def test_an_execution_under_way_is_not_requested_again(
    api: httpx.AsyncClient, database: Database, outbox_publisher: OutboxPublisher, broker: RecordingBroker
) -> None:
    await submit(api, id=5)
    for _ in range(3):
        answer = await api.get("/check_email/?id=5")
        assert (answer.status_code, answer.json()) == (200, {"result": "Sending to job_table.."})
    await outbox_publisher.run_once()
    assert [message.body for message in broker.accepted] == [b"5"]
    # As the runner stores the outcome:
    await execute(database, "UPDATE uploads SET request_id = NULL")
    await api.get("/check_email/?id=5")
    await outbox_publisher.run_once()
    assert [message.body for message in broker.accepted] == [b"5", b"5"]
    assert len({message.message_id for message in broker.accepted}) == 2


async def test_concurrent_calls_make_one_request(
    api: httpx.AsyncClient, outbox_publisher: OutboxPublisher, broker: RecordingBroker
) -> None:
    await submit(api, id=5)
    answers = await asyncio.gather(*(api.get("/check_email/?id=5") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    await outbox_publisher.run_once()
    assert len(broker.accepted) == 1


async def test_an_unknown_id_has_the_originals_answer(api: httpx.AsyncClient) -> None:
    answer = await api.get("/check_email/?id=404")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Email not found"})


async def test_a_blocked_upload_has_the_originals_answer(api: httpx.AsyncClient, database: Database) -> None:
    await submit(api, id=5, enable=1)
    answer = await api.get("/check_email/?id=5")
    assert (answer.status_code, answer.json()) == (400, {"detail": "You cannot request this code"})
    assert await fetch(database, "SELECT * FROM outbox") == []


async def test_a_senders_submissions_are_listed_as_objects(api: httpx.AsyncClient, database: Database) -> None:
    for upload in (1, 2, 3):
        await submit(api, id=upload)
    await submit(api, id=4, email="other@example.com")
    await api.get("/check_email/?id=2")
    await execute(database, "INSERT INTO job (id, upload, job, status) VALUES (9, 3, '{}', 'executed')")
    await execute(
        database,
        "INSERT INTO results (job, upload, output, output_key, verdict, error)"
        " VALUES (9, 3, '12', 'results/9.txt', 'ok', '')",
    )
    answer = await api.get("/check_user/", params={"email": "someone@EXAMPLE.com"})
    assert answer.status_code == 200
    first, second, third = answer.json()["result"]
    assert set(first) >= {"id", "status", "job", "output", "execute_date", "filelink"}
    assert (first["id"], first["status"], first["job"]) == (1, None, None)
    assert (second["id"], second["status"]) == (2, "none-executed")
    assert (third["id"], third["status"], third["job"], third["output"]) == (3, "executed", "{}", "12")
    assert third["filelink"].startswith("http://127.0.0.1/files/results/9.txt?")
    assert (await api.get("/check_user/?email=nobody@example.com")).json() == {"result": []}


async def test_an_earlier_result_does_not_answer_a_new_request(api: httpx.AsyncClient, database: Database) -> None:
    await submit(api, id=5)
    await execute(
        database,
        "INSERT INTO job (id, upload, job, status, request_id) VALUES (9, 5, '{}', 'executed', gen_random_uuid())",
    )
    await execute(database, "INSERT INTO results (job, upload, output) VALUES (9, 5, 'old')")
    await api.get("/check_email/?id=5")
    [row] = (await api.get("/check_user/?email=someone@example.com")).json()["result"]
    assert (row["status"], row["output"]) == ("none-executed", None)


async def test_an_assigned_id_is_never_a_chosen_one(api: httpx.AsyncClient, database: Database) -> None:
    for chosen in (1, 2, 4, 5, 6):
        await submit(api, id=chosen)
    assigned = [int((await submit(api, id=None)).json().split()[-1]) for _ in range(3)]
    assert assigned == [3, 7, 8]


async def test_a_taken_id_is_a_conflict_and_its_file_stays(api: httpx.AsyncClient, store: LocalStore) -> None:
    await submit(api, id=5)
    answer = await submit(api, id=5, file=("b.py", b"print('other')"))
    assert answer.status_code == 409
    assert "5" in answer.json()["detail"]
    assert await store.get("5.py") == SOURCE


async def test_the_winner_of_a_chosen_id_keeps_its_file(api: httpx.AsyncClient, store: LocalStore) -> None:
    sources = {f"s{n}@example.com": f"print({n})".encode() for n in range(10)}
    answers = await asyncio.gather(
        *(submit(api, id=5, email=email, file=("a.py", source)) for email, source in sources.items())
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    [winner] = [email for email, answer in zip(sources, answers, strict=True) if answer.status_code == 200]
    assert await store.get("5.py") == sources[winner]


#: Values that are refused with 422, by field.
WRONG: dict[str, list[Any]] = {
    "email": [
        "not an address", "a@example.com\r\nBcc: b@example.com", "a@example.com\n", "A <a@example.com>",
        "a@example.com,b@example.com", "", "a" * 1_000 + "@example.com", None,
    ],
    "language": ["klingon", "py\0", None],
    "enable": [2, "yes", "01", "\u0660", "true"],
    "id": [0, -1, 1 << 63, "9" * 5000, "1.5", "five"],
    "inputs": ["a\0b"],
    "file": [
        None,
        *(("a.py", data) for data in (b"", b" \n\t", b"a\0b", b"\x7fELF\xff", "سلام".encode("utf-16"))),
        *((name, SOURCE) for name in ("../../etc/passwd", "..\\a.py", "..", "a.p\0y", "a." + "x" * 17, "a" * 303)),
    ],
}  # fmt: skip
WRONG_VALUES = [({field: value}, 422) for field, values in WRONG.items() for value in values]
TOO_LONG = [({"file": ("a.py", b"x" * size)}, 413) for size in (10_001, 200_000)]


@pytest.mark.parametrize("as_form", [False, True])
async def test_bad_input_gets_one_sentence_and_stores_nothing(
    api: httpx.AsyncClient, database: Database, as_form: bool
) -> None:
    for change, status in (*WRONG_VALUES, *TOO_LONG):
        answer = await submit(api, **change, as_form=as_form)
        assert (answer.status_code, str(change)) == (status, str(change))
        detail = answer.json()["detail"]
        assert isinstance(detail, str)
        assert detail
        assert "\n" not in detail
        assert answer.headers["content-type"] == "application/problem+json"
    assert await fetch(database, "SELECT id FROM uploads") == []


async def test_inputs_beyond_the_limit_are_too_large(api: httpx.AsyncClient) -> None:
    assert (await submit(api, inputs="x" * 20_001, as_form=True)).status_code == 413
    assert (await submit(api, inputs="x" * 20_000, as_form=True)).status_code == 200


async def test_a_wrong_value_is_explained_with_the_remedy(api: httpx.AsyncClient) -> None:
    expected = {
        "/check_email/": "id: it is missing",
        "/check_email/?id=x": "id: ",
        f"/check_email/?id={1 << 63}": "id: ",
        "/check_user/": "email: it is missing",
        "/check_user/?email=a@example.com&number=1": "number: there is no such",
        "/check_user/?email=a+b@example.com": "write %2B for a +",
        "/check_user/?email=+b@example.com": "write %2B for a +",
        "/check_user/?email=a": "such as someone@example.com: An email address must have an @-sign.",
        "/check_user/?email=a%00@example.com": "email: ",
        "/check_user/?email=a@example.com&limit=0": "limit: it must be at least 1.",
        "/check_user/?email=a@example.com&limit=2000": "limit: it must be at most 1000.",
        f"/check_user/?email=a@example.com&before={1 << 63}": "before: it must be at most 9223372036854775807.",
        f"/check_user/?email=a@example.com&before={'9' * 5000}": "before: it has too many digits; send a smaller",
    }
    for path, part in expected.items():
        answer = await api.get(path)
        assert (answer.status_code, part in answer.json()["detail"]) == (422, True), answer.text


async def test_a_body_that_is_no_form_is_explained(api: httpx.AsyncClient) -> None:
    for answer in (
        await api.post("/submit_email/", json={"email": "a@example.com"}),
        await api.post("/submit_email/", data={"email": "a@example.com"}),
    ):
        assert (answer.status_code, answer.headers["Accept"]) == (415, "multipart/form-data")
        assert "curl -F file=@program.py" in answer.json()["detail"]


async def test_a_wrong_form_is_explained_with_the_remedy(api: httpx.AsyncClient) -> None:
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    answers = {
        "inputs is longer than 20000 bytes; send a shorter input.": await submit(
            api, inputs="x" * 20_001, as_form=True
        ),
        "The file is longer than 10000 bytes; send a shorter": await submit(api, file=("a.py", b"x" * 10_001)),
        "names no boundary; send the form as an HTTP client": await api.post(
            "/submit_email/", headers={"Content-Type": "multipart/form-data"}
        ),
        "The form cannot be read; send it as an HTTP client": await api.post(
            "/submit_email/", content=b"garbage", headers=boundary
        ),
        "send it with that charset": await api.post(
            "/submit_email/", content=b"x", headers={"Content-Type": boundary["Content-Type"] + "; charset=utf-16"}
        ),
    }
    for sentence, answer in answers.items():
        assert sentence in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "query", "sentence"),
    [
        ({"language": "py", "input": "21"}, {}, "A submission has no field input; write inputs."),
        ({"inputs": "21"}, {"Language": "py"}, "A submission has no field Language; write language."),
        ({"language": "py", "inputs": "21", "input": "x", "uid": "1"}, {"utm_source": "mail"}, None),
    ],
)
async def test_a_misspelled_field_gets_a_suggestion(
    api: httpx.AsyncClient, fields: dict[str, str], query: dict[str, str], sentence: str | None
) -> None:
    data = {"email": "a@example.com", **fields}
    answer = await api.post("/submit_email/", data=data, params=query, files={"file": ("a.py", b"print()")})
    assert answer.status_code == (422 if sentence else 200)
    assert sentence is None or answer.json()["detail"] == sentence


async def test_few_of_many_unknown_names_are_compared(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr("api_service.classic.form.get_close_matches", lambda name, *_, **__: compared.append(name))
    data = {"email": "a@example.com", "language": "py", "inputs": ""}
    params = {f"x{number}": "" for number in range(1000)}
    answer = await api.post("/submit_email/", data=data, params=params, files={"file": ("a.py", b"print()")})
    assert answer.status_code == 200
    assert 0 < len(compared) <= 16


async def test_a_second_file_is_refused(api: httpx.AsyncClient) -> None:
    data = {"email": "a@example.com", "language": "py", "inputs": "", "enable": "0"}
    files = [("file", ("a.py", b"print()")), ("file", ("b.py", b"print()"))]
    answer = await api.post("/submit_email/", data=data, files=files)
    assert answer.status_code == 422
    assert "A submission has one file" in answer.json()["detail"]


async def test_a_source_may_come_without_a_file_name(api: httpx.AsyncClient, store: LocalStore) -> None:
    source = "print('\u0633')"
    fields = {"id": (None, "5"), "email": (None, "a@example.com"), "language": (None, "py"), "file": (None, source)}
    assert (await api.post("/submit_email/", files=fields)).status_code == 200
    assert await store.get("5") == source.encode()


@given(name=st.text(max_size=40) | st.from_regex(r"[a-z]{0,3}\.[ -~]{0,17}", fullmatch=True))
@hyp_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_file_name_is_accepted_or_refused(api: httpx.AsyncClient, name: str) -> None:
    # By hand, since httpx would change some names.
    raw = name.encode("utf-8", "surrogatepass").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    raw = raw.replace(b"\r", b"").replace(b"\n", b"")
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nprint(1)\r\n--x--\r\n' % raw
    answer = await api.post(
        "/submit_email/?email=a@example.com&language=py",
        content=part,
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 200 or 400 <= answer.status_code < 500


async def test_a_file_of_c_sharp_keeps_its_extension(api: httpx.AsyncClient, store: LocalStore) -> None:
    assert (await submit(api, id=5, file=("x.c#", SOURCE), language="cs")).status_code == 200
    assert await store.get("5.c#") == SOURCE


async def test_a_client_that_hangs_up_is_not_counted_as_our_error(
    api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    def answers(status: str) -> float:
        labels = {"route": "/submit_email/", "status": status}
        return REGISTRY.get_sample_value("precieux_http_requests_total", labels) or 0

    async def hang_up() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    gone, crashed = answers("499"), answers("500")
    assert isinstance(api._transport, httpx.ASGITransport)
    scope: Scope = {
        "type": "http", "method": "POST", "path": "/submit_email/", "query_string": b"", "http_version": "1.1",
        "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"multipart/form-data; boundary=x")],
    }  # fmt: skip
    await api._transport.app(scope, hang_up, send)
    assert sent[0]["status"] == 499
    assert (answers("499"), answers("500")) == (gone + 1, crashed)
    assert caplog.records == []


async def has_status(api: httpx.AsyncClient, path: str, status: int) -> bool:
    return (await api.get(path)).status_code == status


async def test_an_unavailable_database_is_a_503_with_retry_after(
    own_postgres: EmbeddedPostgres, store: LocalStore, broker: RecordingBroker, signer: LinkSigner
) -> None:
    async with (
        connected(own_postgres.url(Role.API)) as database,
        client_of(database, store, OutboxPublisher(database, broker), signer) as api,
    ):
        assert (await api.get("/readyz")).status_code == 200
        own_postgres.stop()
        answer = await api.get("/check_email/?id=5")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        await eventually(lambda: has_status(api, "/readyz", 503))
        assert (await api.get("/healthz")).status_code == 200
        own_postgres.start()
        await eventually(lambda: has_status(api, "/readyz", 200))


async def test_an_api_whose_store_takes_nothing_is_not_ready(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its submissions are answered with 503."""

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("503")

    monkeypatch.setattr(LocalStore, "put", away)
    answer = await api.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "waiting", "database": "ok", "store": "unavailable"},
    )


async def test_a_signed_link_opens_its_object_as_harmless_text(
    api: httpx.AsyncClient, store: LocalStore, signer: LinkSigner
) -> None:
    await store.put("results/1.txt", b"<script>alert(1)</script>")
    link = await store.link("results/1.txt")
    answer = await api.get(link)
    assert (answer.status_code, answer.content) == (200, b"<script>alert(1)</script>")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    expired = signer.link("results/1.txt", expires=int(time.time()) - 5)
    for bad in (expired, link.replace("1.txt", "2.txt"), link[:-1] + ("A" if link[-1] != "A" else "B"),
                link.split("&")[0] + "&signature=%ff", "/files/1.py?expires=9999999999&signature=x"):  # fmt: skip
        answer = await api.get(bad)
        assert answer.status_code == 403
        assert "GET /check_user/ returns a new one" in answer.json()["detail"]
    answer = await api.get(await store.link("results/9.txt"))
    assert answer.status_code == 404
    assert "submit the program again" in answer.json()["detail"]


async def test_a_full_backlog_refuses_submissions(
    api_with: ApiWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.limits.backlog._CACHE_SECONDS", -1)
    async with api_with(max_backlog=2) as api:
        for upload in (1, 2):
            assert (await submit(api, id=upload)).status_code == 200
            assert (await api.get(f"/check_email/?id={upload}")).status_code == 200
        for answer in (await submit(api, id=3), await api.get("/check_email/?id=1")):
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
        assert len(await fetch(database, "SELECT id FROM uploads")) == 2
        # As the runner stores an outcome:
        await execute(database, "UPDATE uploads SET request_id = NULL WHERE id = 1")
        assert (await submit(api, id=3)).status_code == 200


async def test_a_conflict_in_the_database_asks_to_try_again(api: httpx.AsyncClient, database: Database) -> None:
    """503, not 500: nothing is wrong with the request."""
    await execute(
        database,
        "CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$",
    )
    await execute(database, "CREATE TRIGGER conflict BEFORE INSERT OR UPDATE ON uploads EXECUTE FUNCTION conflict()")
    answer = await submit(api, id=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
