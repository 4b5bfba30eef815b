import glob, os
found = glob.glob("/sys/fs/cgroup/*") + [line for line in open("/proc/mounts") if " cgroup" in line]
moved = [line for line in open("/proc/self/cgroup") if "precieux" in line]
print("HELD" if not found and not moved else f"ESCAPED {found} {moved}")
