"""The checks of requests from Judge0's clients, and the submissions that are made from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from api_service.doors.judge0 import configuration
from api_service.doors.judge0.configuration import Configuration
from api_service.doors.judge0.parameters import shown
from api_service.doors.judge0.program import submission_of
from api_service.doors.judge0.submissions import guards_callbacks
from api_service.doors.judge0.validation import SubmissionRequest, check, words
from api_service.languages.catalog import LanguageCatalog
from api_service.settings import ApiSettings
from api_service.submissions.new_submission import NewSubmission
from shared.common.files.archives import unpack
from shared.common.service.errors import ConfigurationError
from shared.engine_api.codex import LimitBounds, SupportedLanguage
from tests.fixtures.judge0 import b64, zipped

BOUNDS: Final = {
    "cpu_s": LimitBounds(default=10.0, max=60.0),
    "wall_s": LimitBounds(default=30.0, max=300.0),
    "memory_bytes": LimitBounds(default=512 << 20, max=2 << 30),
    "output_bytes": LimitBounds(default=1 << 20, max=1 << 20),
    "processes": LimitBounds(default=256, max=256),
}


def _offered(code: str, **fields: Any) -> SupportedLanguage:
    fields = {"info": "", "version": "1.2.3", "compiled": False, "run": "run it", "limits": BOUNDS, **fields}
    return SupportedLanguage(language=code, **fields)


OFFER: Final = LanguageCatalog(
    {
        "py": _offered("py", extensions=[".py"]),
        "c": _offered("c", extensions=[".c"], compiled=True, compile="gcc", compiler_args=["-O2", "-D*"]),
        "bash": _offered("bash", extensions=[".sh"]),
    }
)


def checked(
    catalog: LanguageCatalog = OFFER, conf: Configuration | None = None, base64: bool = False, **sent: Any
) -> SubmissionRequest:
    sent = {"source_code": "print(1)", "language_id": 71, **sent}
    asked = check(sent, catalog, conf or Configuration(), base64=base64)
    assert isinstance(asked, SubmissionRequest), asked
    return asked


def messages(conf: Configuration | None = None, **sent: Any) -> dict[str, list[str]]:
    faults = check({"source_code": "print(1)", "language_id": 71, **sent}, OFFER, conf or Configuration(), base64=False)
    assert isinstance(faults, dict)
    return faults


def made(**sent: Any) -> NewSubmission:
    return submission_of(checked(**sent), BOUNDS, max_program=10_000)


def spec_of(new: NewSubmission) -> Mapping[str, Any]:
    assert new.spec
    return new.spec.stored()


@pytest.mark.parametrize(
    ("off", "field", "value", "error"),
    [
        ("enable_compiler_options", "compiler_options", "-O2", "setting compiler options is not allowed"),
        (
            "enable_command_line_arguments", "command_line_arguments", "a",
            "setting command line arguments is not allowed",
        ),
        ("enable_callbacks", "callback_url", "http://a", "setting callback is not allowed"),
        ("enable_additional_files", "additional_files", "UEsF", "setting additional files is not allowed"),
        (
            "allow_enable_per_process_and_thread_time_limit", "enable_per_process_and_thread_time_limit", True,
            "this option cannot be enabled",
        ),
    ],
)  # fmt: skip
def test_the_operator_can_turn_features_off(off: str, field: str, value: Any, error: str) -> None:
    sent = {"language_id": 50, field: value}
    assert checked(**sent)
    assert messages(Configuration.model_validate({off: False}), **sent) == {field: [error]}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cpu_time_limit", "a", "is not a number"),
        ("cpu_time_limit", True, "is not a number"),
        ("cpu_time_limit", -1, "must be greater than or equal to 0"),
        ("cpu_time_limit", 15.1, "must be less than or equal to 15.0"),
        ("cpu_extra_time", 5.1, "must be less than or equal to 5.0"),
        ("wall_time_limit", 0.9, "must be greater than or equal to 1"),
        ("wall_time_limit", "20.1", "must be less than or equal to 20.0"),
        ("memory_limit", 2047, "must be greater than or equal to 2048"),
        ("memory_limit", 512001, "must be less than or equal to 512000"),
        ("stack_limit", -1, "must be greater than or equal to 0"),
        ("stack_limit", 128001, "must be less than or equal to 128000"),
        ("max_processes_and_or_threads", 0, "must be greater than 0"),
        ("max_processes_and_or_threads", 121, "must be less than or equal to 120"),
        ("max_file_size", -1, "must be greater than or equal to 0"),
        ("max_file_size", 4097, "must be less than or equal to 4096"),
        ("number_of_runs", 0, "must be greater than 0"),
        ("number_of_runs", 21, "must be less than or equal to 20"),
        ("enable_network", True, "enabling network is not allowed"),
        ("command_line_arguments", "x" * 513, "is too long (maximum is 512 characters)"),
        # Its words are not reported one by one.
        ("compiler_options", "a " * 100_000, "is too long (maximum is 512 characters)"),
        ("compiler_options", "-O2", "setting compiler options is only allowed for compiled languages"),
    ],
)
def test_fields_have_bounds(field: str, value: Any, message: str) -> None:
    assert messages(**{field: value}) == {field: [message]}


def test_options_may_be_for_some_languages_only() -> None:
    conf = Configuration(allowed_languages_for_compile_options=("C++", "Java", "Rust"))
    only = "setting compiler options is only allowed for C++, Java and Rust"
    assert messages(conf, language_id=50, compiler_options="-O2") == {"compiler_options": [only]}
    conf = Configuration(allowed_languages_for_compile_options=("C",))
    assert spec_of(made(conf=conf, language_id=50, compiler_options="-O2"))["compiler_args"] == ["-O2"]


def test_an_option_that_the_engine_refuses() -> None:
    assert messages(language_id=50, compiler_options="-O2 -fplugin=x") == {
        "compiler_options": ["the option -fplugin=x is not allowed; this server allows -O2 -D*"]
    }


def test_the_limits_of_the_engine() -> None:
    limits = spec_of(made(memory_limit=2048, max_file_size=4096, cpu_time_limit=2, cpu_extra_time=0.5))["limits"]
    assert limits == {
        "cpu_s": 2.5, "wall_s": 10.0, "memory_bytes": 2 << 20, "output_bytes": 1 << 20, "processes": 60,
    }  # fmt: skip
    options = spec_of(made(number_of_runs=3, redirect_stderr_to_stdout="true", stack_limit=8, max_file_size=9))
    assert options.items() >= {"repeat": 3, "merge_output": True, "stack_bytes": 8192, "file_bytes": 9216}.items()
    assert options["limits"]["output_bytes"] == 9216
    without = spec_of(made(cpu_time_limit=0, stack_limit=0, max_file_size=0))
    assert (without["limits"]["cpu_s"], without["limits"]["output_bytes"]) == (60.0, 1 << 20)
    assert "stack_bytes" not in without
    assert "file_bytes" not in without


def test_no_limit_is_above_those_of_the_engine() -> None:
    low = {**BOUNDS, "cpu_s": LimitBounds(default=1.0, max=3.0), "memory_bytes": LimitBounds(default=1, max=1 << 20)}
    shown = Configuration().within(low, ApiSettings(max_source_bytes=4096, max_input_bytes=1))
    assert (shown.cpu_time_limit, shown.max_cpu_time_limit, shown.max_memory_limit) == (3.0, 3.0, 1024)
    assert (shown.max_extract_size, shown.max_wall_time_limit) == (4, 20.0)


def test_programs_and_inputs_have_the_bounds_of_the_server() -> None:
    conf = Configuration().within(BOUNDS, ApiSettings(max_source_bytes=8, max_input_bytes=2))
    assert messages(conf, source_code="123456789", stdin="é!") == {
        "source_code": ["is too long (maximum is 8 bytes)"],
        "stdin": ["is too long (maximum is 2 bytes)"],
    }
    assert checked(conf=conf, source_code="12345678", stdin="é")


def test_a_zip_never_replaces_the_source() -> None:
    new = made(additional_files=zipped({"script.py": "x", "data/a": "1"}))
    assert unpack(new.source.data) == {"script.py": b"print(1)", "data/a": b"1"}
    assert (new.filename, spec_of(new)["data_files"]) == ("script.py", ["data/a"])
    assert made(additional_files=zipped({"script.py/a": "x"})).source.data == b"print(1)"
    assert made(additional_files=zipped({"big": "x" * 10_000})).source.data == b"print(1)"
    assert made(additional_files=zipped({"../a": "x"})).source.data == b"print(1)"
    assert made(additional_files=b64("no zip")).source.data == b"print(1)"


@pytest.mark.parametrize(
    ("files", "entry", "build"),
    [
        ({"run": "a", "compile": "b"}, "run", "compile"),
        ({"run.sh": "a", "compile.sh": "b"}, "run.sh", "compile.sh"),
        ({"run": "a"}, "run", None),
        ({"other": "a"}, "run", None),
        ({"run": "\n", "compile": "b"}, "run", "compile"),
    ],
)
def test_the_scripts_of_several_files(files: dict[str, str], entry: str, build: str | None) -> None:
    new = made(source_code="", language_id=89, additional_files=zipped(files))
    assert (new.language, new.filename, spec_of(new).get("build")) == ("bash", entry, build)


def test_bytes_that_the_database_cannot_store() -> None:
    new = made(base64=True, source_code="cHJpbnQoMSk=", stdin="/w==", expected_output="YQ==")
    assert (new.stdin, spec_of(new)["encoding"]) == ("/w==", "base64")
    assert made(stdin="a\0").stdin == "YQA="
    assert "encoding" not in spec_of(made(stdin="é"))


def test_words_are_split_without_what_a_shell_reads() -> None:
    assert words("a 'b c' `x` $y; \"z") == ["a", "'b", "c'", "x", "y", '"z']
    assert words("a 'b c' `x`") == ["a", "b c", "x"]


def test_the_file_of_another_judge0(tmp_path: Path) -> None:
    conf = tmp_path / "judge0.conf"
    conf.write_text(
        "# MAX_QUEUE_SIZE=1\nMAX_QUEUE_SIZE=7\nENABLE_WAIT_RESULT=false\nREDIS_PASSWORD=x\nCPU_TIME_LIMIT=\n"
        "ALLOWED_LANGUAGES_FOR_COMPILER_OPTIONS=C Java\nENABLE_NETWORK=true\nALLOW_ENABLE_NETWORK=true\n"
    )
    found = configuration.read(conf)
    assert (found.max_queue_size, found.enable_wait_result, found.cpu_time_limit) == (7, False, 5.0)
    assert found.allowed_languages_for_compile_options == ("C", "Java")
    assert (found.enable_network, found.allow_enable_network) == (False, False)
    conf.write_text("MAX_QUEUE_SIZE=many\n")
    with pytest.raises(ConfigurationError, match="MAX_QUEUE_SIZE is wrong"):
        configuration.read(conf)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        configuration.read(tmp_path / "missing")


@pytest.mark.parametrize(
    ("host", "is_local", "allowed", "is_guarded"),
    [
        ("127.0.0.1", True, None, False),
        ("::1", True, None, False),
        ("127.0.0.1", True, "a.example", True),
        ("127.0.0.1", False, None, True),
        ("0.0.0.0", True, None, True),
    ],
)
def test_who_calls_every_address(host: str, is_local: bool, allowed: str | None, is_guarded: bool) -> None:
    assert guards_callbacks(host, allowed, is_local=is_local) is is_guarded


def test_a_field_that_is_named_twice_is_shown_once() -> None:
    assert shown({"fields": "stdout, token,stdout,token"}).fields == ["stdout", "token"]
