"""The options of GCC that a program may set: none starts a program, names a file, or is passed on to another tool.

`-W*` is not among them, because it would allow `-Wl,`, `-Wa,` and `-Wp,`.
"""

from typing import Final

#: For all languages of GCC.
COMMON: Final = (
    "-std=*", "-pedantic", "-pedantic-errors", "-w",
    "-O", "-O0", "-O1", "-O2", "-O3", "-Os", "-Og", "-Ofast",
    "-g", "-g0", "-g1", "-g2", "-g3", "-ggdb",
    "-D*", "-U*",
    "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Werror=*", "-Wno-*", "-Wconversion", "-Wsign-*", "-Wshadow*",
    "-Wunused*", "-Wuninitialized", "-Wmaybe-uninitialized", "-Wformat*", "-Wundef", "-Wvla", "-Wcast-*", "-Wfloat-*",
    "-Wdouble-promotion", "-Wduplicated-*", "-Wlogical-op", "-Wnull-dereference", "-Wmissing-*", "-Wredundant-decls",
    "-Wimplicit-fallthrough*", "-Wswitch*", "-Wstrict-*", "-Wreturn-type", "-Wparentheses",
    "-march=*", "-mtune=*", "-pthread", "-fopenmp", "-static", "-lm", "-lpthread",
    "-ffast-math", "-funroll-loops", "-fwrapv", "-ftrapv", "-fno-strict-aliasing", "-fno-omit-frame-pointer",
    "-fsanitize=*", "-fno-sanitize-recover=*", "-fmax-errors=*", "-fdiagnostics-color=*",
)  # fmt: skip
