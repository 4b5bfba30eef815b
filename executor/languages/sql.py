from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="sql",
    source_file=SourceFile("main.sql"),
    tools={"sqlite3": ("/usr/bin/sqlite3",)},
    # The database is empty and in memory. A program can read its input as a table (`.import --csv /dev/stdin people`)
    # or as statements (`.read /dev/stdin`).
    run=RunCommand(("{sqlite3}", "-batch", "-bail", ":memory:", ".read '{source}'"), out_of_memory=b"out of memory"),
    sample="SELECT 'Hello, world!';\n",
    reference=Reference(
        "CREATE TABLE people(name TEXT);\n.import --csv /dev/stdin people\n"
        "SELECT 'Hello, ' || name || '!' FROM people;\n"
    ),
)
