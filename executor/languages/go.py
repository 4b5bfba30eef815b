from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="go",
    name="Go",
    names=Names("main.go"),
    tools={"go": ("/usr/bin/go", "/usr/local/go/bin/go")},
    compile=("{go}", "build", "-o", "main", "{source}"),
    run=("/box/work/main",),
    version=("{go}", "version"),
    # GODEBUG: where the standard library was installed in compiled form (deploy/Dockerfile), it is used.
    # XDG_CONFIG_HOME: what `go` notes for itself shall not lie beside the program.
    environment={
        "GOCACHE": "/box/tmp/cache", "GOPATH": "/box/tmp/path", "GOFLAGS": "-p=2", "GO111MODULE": "off",
        "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GODEBUG": "installgoroot=all",
        "XDG_CONFIG_HOME": "/box/tmp/config",
    },
    reference=Reference(
        'package main\n\nimport "fmt"\n\nfunc main() {\n\tvar name string\n\tfmt.Scan(&name)\n'
        '\tfmt.Printf("Hello, %s!\\n", name)\n}\n'
    ),
)  # fmt: skip
