"""Speed-ups: what is started or compiled before a program comes. Without them, programs run too, but more slowly.

Each is one file here, and its docstring says what it gains. To delete one, delete the file, its test, its value in
`executor.languages.base`, and its lines in `warm.py`. `shared_compiler` also has lines in `Pipeline._compile`. The
lines of `headers` are in both `__main__` modules and in `Pipeline._run_with_fallback`.
"""
