from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile
from executor.languages.erl import LANGUAGE as ERLANG
from shared.engine.run_call import ProgramLimits

LANGUAGE = LanguageDefinition(
    code="exs",
    source_file=SourceFile("main.exs", extensions=("exs", "ex")),
    tools={"elixir": ("/usr/bin/elixir", "/usr/local/bin/elixir")},
    run=RunCommand(("{elixir}", "{source}"), extra_memory=64 << 20),
    needs=ProgramLimits(cpu_s=5.0, memory_bytes=256 << 20),
    version=("{elixir}", "--short-version"),
    environment=ERLANG.environment,
    sample='IO.puts("Hello, world!")\n',
    reference=Reference('name = IO.gets("") |> String.trim()\nIO.puts("Hello, #{name}!")\n'),
)
