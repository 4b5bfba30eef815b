import os
strange = set(os.environ) - {"PATH", "HOME", "LANG", "TMPDIR", "LC_CTYPE", "PWD", "SHLVL", "_"}
print("HELD" if not strange and "@" not in os.environ["PATH"] else f"ESCAPED {strange}")
