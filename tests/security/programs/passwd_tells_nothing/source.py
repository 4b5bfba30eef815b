names = [line.split(":")[0] for line in open("/etc/passwd")]
print("HELD" if names == ["root", "user"] else f"ESCAPED {names}")
