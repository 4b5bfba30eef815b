"""Speed-ups: what is started or compiled before a program comes. Without them, programs run too, but more slowly.

Each is one file here, and its docstring says what it gains. To delete one, delete the file, its test, its value in
`executor.languages.base`, and its lines in `warm.py`. Those of `shared_compiler` and of `headers` in
`executor.pipeline.run` go too, and those of `headers` in both `__main__` modules.
"""
