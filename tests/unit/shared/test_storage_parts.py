"""Keys, signed links and settings of the store, and the secret that is kept in a folder."""

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.storage.keys import checked
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.open import open_signer, open_store
from shared.adapters.storage.s3 import S3Store
from shared.adapters.storage.secret import kept_secret
from shared.adapters.storage.settings import StoreSettings
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import ConfigurationError
from shared.common.service.settings import load

SIGNER = LinkSigner(b"k" * 32, "https://precieux.example.com/")
NOW = 1_800_000_000


@given(st.text(max_size=30))
def test_every_valid_key_stays_below_its_folder(key: str) -> None:
    with contextlib.suppress(ValueError):  # it is not valid
        path = os.path.join("/store", checked(key))
        assert os.path.normpath(path) == path


def test_a_link_leads_to_the_key_and_verifies_until_it_expires() -> None:
    link = urlsplit(SIGNER.link("results/12/1.c++", expires=NOW))
    query = {name: values[0] for name, values in parse_qs(link.query).items()}

    assert (link.scheme, link.netloc) == ("https", "precieux.example.com")
    assert unquote(link.path) == "/files/results/12/1.c++"
    signature = query["signature"]
    assert SIGNER.verifies("results/12/1.c++", expires=int(query["expires"]), signature=signature, now=NOW - 0.001)
    assert not SIGNER.verifies("results/12/1.c++", expires=NOW, signature=signature, now=NOW)


@given(st.text(), st.integers(0, 2**40), st.text(max_size=60))
def test_a_wrong_signature_is_refused(key: str, expires: int, signature: str) -> None:
    assert not SIGNER.verifies(key, expires=expires, signature=signature, now=0)


@given(
    st.tuples(st.text("ab1\n", min_size=1), st.integers(0, 99)),
    st.tuples(st.text("ab1\n", min_size=1), st.integers(0, 99)),
)
def test_a_signature_serves_no_other_key_or_expiry(one: tuple[str, int], other: tuple[str, int]) -> None:
    if one != other:
        assert SIGNER.signature(*one) != SIGNER.signature(*other)


def test_the_kept_secret_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    secret = kept_secret(folder)
    assert len(secret) == 64
    assert kept_secret(folder) == secret
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_concurrent_processes_get_the_same_secret(tmp_path: Path) -> None:
    script = "import sys, pathlib; from shared.adapters.storage.secret import kept_secret;"
    script += "sys.stdin.read(); print(kept_secret(pathlib.Path(sys.argv[1])).decode())"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "data")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.close()
        racer.stdin = None
    secrets = {racer.communicate()[0] for racer in racers}
    assert len(secrets) == 1
    assert len(secrets.pop().strip()) == 64


def test_the_error_of_an_unwritable_folder_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="PRECIEUX_SECRET_KEY"):
        kept_secret(tmp_path / "file" / "data")
    with pytest.raises(ConfigurationError, match="PRECIEUX_DATA_DIR"):
        LocalStore(tmp_path / "file", SIGNER)


async def test_the_folder_is_chosen_when_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_DATA_DIR", str(tmp_path))
    store = open_store(load(StoreSettings))
    assert isinstance(store, LocalStore)
    await store.put("1.py", b"x")
    assert (tmp_path / "objects/1.py").read_bytes() == b"x"
    await store.close()


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_credentials")
def test_s3_without_credentials_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no credentials for S3: set AWS_ACCESS_KEY_ID"):
        S3Store("files", "http://127.0.0.1:1")


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_ACCESS_KEY_ID"])
def test_wrong_credentials_of_s3_are_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "alone")
    with pytest.raises(ConfigurationError, match=r"see PRECIEUX_S3_ENDPOINT_URL and .* AWS_\*: .*(alone|SECRET)"):
        S3Store("files", "http://127.0.0.1:1")


_SERVICE = """
import sys
from botocore.utils import ContainerMetadataFetcher
from shared.common.service.lifecycle import run_service
from shared.adapters.storage.s3 import S3Store
async def serve(_):
    S3Store("files")
ContainerMetadataFetcher.SLEEP_TIME = 0
sys.exit(run_service("test", serve))
"""


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize(
    ("role", "sentence"),
    [("", "there are no credentials for S3"), ("http://127.0.0.1:1/", "credentials for S3 cannot be had now")],
    ids=["host", "container"],
)
def test_a_role_that_is_not_ready_ends_no_service_for_good(
    role: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if role:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role)
    done = subprocess.run([sys.executable, "-c", _SERVICE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == os.EX_TEMPFAIL
    [line] = done.stderr.splitlines()
    assert sentence in line


async def test_s3_is_chosen_by_its_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_S3_BUCKET", "files")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PRECIEUX_S3_ENDPOINT_URL", "http://127.0.0.1:1")
    store = open_store(load(StoreSettings))
    assert isinstance(store, S3Store)
    await store.close()


def test_an_endpoint_without_a_bucket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_S3_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="PRECIEUX_S3_BUCKET is not"):
        open_store(load(StoreSettings))


@pytest.mark.parametrize("key", ["secret", ",", "k" * 32 + ",secret"])
def test_a_secret_that_can_be_guessed_is_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_SECRET_KEY", key)
    with pytest.raises(ConfigurationError, match=r"^PRECIEUX_SECRET_KEY .*at least 32 characters"):
        load(StoreSettings)


def test_a_set_secret_is_used_and_none_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PRECIEUX_SECRET_KEY", "k" * 32)
    assert open_signer(load(StoreSettings)).signature("a", 1) == SIGNER.signature("a", 1)
    assert list(tmp_path.iterdir()) == []


def test_signatures_of_an_old_secret_stay_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_SECRET_KEY", f"{'n' * 32},{'x' * 32}, {'k' * 32}")
    signer = open_signer(load(StoreSettings))
    assert signer.verifies("a", expires=NOW, signature=SIGNER.signature("a", NOW), now=0)
    assert not signer.verifies("b", expires=NOW, signature=SIGNER.signature("a", NOW), now=0)
    [signature] = parse_qs(urlsplit(SIGNER.unsubscribe_link("a@example.com")).query)["signature"]
    assert signer.verifies_unsubscribe("a@example.com", signature=signature)
    # From now on the new key signs.
    assert not SIGNER.verifies("a", expires=NOW, signature=signer.signature("a", NOW), now=0)
    assert not LinkSigner(b"n" * 32, "").verifies("a", expires=NOW, signature=SIGNER.signature("a", NOW), now=0)


def test_signatures_of_an_old_kept_secret_stay_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_DATA_DIR", str(tmp_path))
    before = open_signer(load(StoreSettings)).signature("a", NOW)
    # As in docs/operations.md.
    subprocess.run(
        ["sh", "-euc", "umask 077; (cat secret-key; echo) >>old-secret-keys; rm secret-key"], cwd=tmp_path, check=True
    )
    signer = open_signer(load(StoreSettings))
    assert signer.signature("a", NOW) != before
    assert signer.verifies("a", expires=NOW, signature=before, now=0)


@pytest.mark.parametrize("content", ["", "k" * 31])
def test_a_short_kept_secret_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setenv("PRECIEUX_DATA_DIR", str(tmp_path))
    (tmp_path / "secret-key").write_text(content)
    with pytest.raises(ConfigurationError, match="/secret-key must hold at least 32 characters: restore"):
        open_signer(load(StoreSettings))


@pytest.mark.parametrize("content", ["short", "k" * 32 + "\n\nshort\n"])
def test_short_old_secrets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setenv("PRECIEUX_DATA_DIR", str(tmp_path))
    (tmp_path / "old-secret-keys").write_text(content)
    with pytest.raises(ConfigurationError, match="old-secret-keys"):
        open_signer(load(StoreSettings))
