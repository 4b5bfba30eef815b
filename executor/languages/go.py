import re

from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Prebuilt, Reference, SourceFile

#: `go` ignores files whose names end so: tests, and files for other systems and processors
#: (https://pkg.go.dev/cmd/go#hdr-Build_constraints).
_CONSTRAINTS = re.compile(
    "_(test|aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|nacl|netbsd|openbsd|plan9|solaris|unix|wasip1"
    "|windows|zos|386|amd64|arm|arm64|loong64|mips\\w*|ppc\\w*|riscv\\w*|s390x?|sparc\\w*|wasm)$",
    re.IGNORECASE,
)

LANGUAGE = LanguageDefinition(
    code="go",
    source_file=SourceFile("main.go", extensions=("go",), special=_CONSTRAINTS),
    tools={"go": ("/usr/bin/go", "/usr/local/go/bin/go")},
    compile=Compile(
        ("{go}", "build", "-pkgdir={runtime}/std", ARGS, "-o", "{output}", "{source}", COMPANIONS),
        companions="folder",  # a package is the files of one folder
        allowed=("-tags=*", "-trimpath", "-gcflags=-N", "-gcflags=-l", "-gcflags=-m", "-ldflags=-s", "-ldflags=-w"),
    ),
    # Go comes without its standard library compiled, and a box keeps no cache: `fmt` alone would take each program 10 s
    # of CPU. What is missing here, or was made with other options, is compiled with the program.
    prebuilt=Prebuilt("std/time.a", ("{go}", "install", "-pkgdir=std", "std")),
    version=("{go}", "version"),
    # GODEBUG: use the compiled standard library.
    # XDG_CONFIG_HOME: keep the files of `go` itself out of the program's folder.
    environment={
        "GOCACHE": "/box/tmp/cache", "GOPATH": "/box/tmp/path", "GOFLAGS": "-p=2", "GO111MODULE": "off",
        "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GODEBUG": "installgoroot=all",
        "XDG_CONFIG_HOME": "/box/tmp/config",
    },
    sample='package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("Hello, world!")\n}\n',
    reference=Reference(
        'package main\n\nimport "fmt"\n\nfunc main() {\n\tvar name string\n\tfmt.Scan(&name)\n'
        '\tfmt.Printf("Hello, %s!\\n", name)\n}\n'
    ),
)  # fmt: skip
