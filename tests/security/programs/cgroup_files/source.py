import os
# There are files that tell runtimes of the limit; they are not those that set it.
found = [line for line in open("/proc/mounts") if " cgroup" in line]
for folder, folders, files in os.walk("/sys/fs/cgroup"):
    found += [name for name in files if not name.startswith("memory.")]
    for path in (os.path.join(folder, name) for name in ("memory.limit_in_bytes", "memory.max", "cgroup.procs", "tasks")):
        try:
            open(path, "w").write("1073741824")
            found.append(path)
        except OSError:
            pass
moved = [line for line in open("/proc/self/cgroup") if "precieux" in line]
print("HELD" if not found and not moved else f"ESCAPED {found} {moved}")
