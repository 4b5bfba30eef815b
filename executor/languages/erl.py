from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile
from shared.engine.run_call import ProgramLimits

_VERSION = (
    '{{ok, Text}} = file:read_file(filename:join([code:root_dir(), "releases", erlang:system_info(otp_release),'
    ' "OTP_VERSION"])), io:put_chars(["Erlang/OTP ", Text]), halt().'
)

LANGUAGE = LanguageDefinition(
    code="erl",
    source_file=SourceFile("main.erl", extensions=("erl",)),
    tools={"escript": ("/usr/bin/escript",), "erl": ("/usr/bin/erl",)},
    run=RunCommand(("{escript}", "{source}"), extra_memory=64 << 20),
    needs=ProgramLimits(memory_bytes=256 << 20),
    version=("{erl}", "-noshell", "-eval", _VERSION),
    # Without the first options Erlang starts threads for each processor. Without the last one it maps its code from a
    # file in memory, which counts as a file that the program writes, and is larger than Judge0's limit of these.
    environment={"ERL_FLAGS": "+S 2:2 +SDcpu 2:2 +SDio 2 +JMsingle true"},
    # A program should begin with `#!`. If it does not, escript ignores its first line.
    sample='#!/usr/bin/env escript\nmain(_) ->\n    io:format("Hello, world!~n").\n',
    reference=Reference(
        '#!/usr/bin/env escript\nmain(_) ->\n    io:format("Hello, ~ts!~n", [string:trim(io:get_line(""))]).\n',
    ),
)
