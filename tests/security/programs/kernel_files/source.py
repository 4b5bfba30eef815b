def attempt(action, *arguments):
    try:
        result = action(*arguments)
    except OSError:
        return
    print("ESCAPED", action, arguments, result)


import os
for path in ["/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/kallsyms", "/proc/timer_list", "/proc/sched_debug", "/proc/modules",
             "/proc/cmdline", "/proc/interrupts", "/proc/diskstats", "/proc/mtrr", "/proc/latency_stats",
             "/proc/sys/kernel/random/boot_id"]:
    try:
        if open(path, "rb").read(64):
            print("ESCAPED", path)
    except OSError:
        pass
# Locks of open files are shown everywhere (docs/security.md).
if any("OFDLCK" not in line for line in open("/proc/locks")):
    print("ESCAPED /proc/locks")
for path in ["/proc/acpi", "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/scsi"]:
    if os.path.isdir(path) and os.listdir(path):
        print("ESCAPED", path, os.listdir(path))
for path in ["/proc/kmsg", "/proc/cmdline", "/proc/interrupts", "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory",
             "/proc/sys/kernel/hostname", "/proc/sys/fs/binfmt_misc/register", "/proc/sys/net/ipv4/ip_forward",
             "/proc/sys/kernel/ns_last_pid", "/proc/sys/user/max_user_namespaces", "/proc/1/oom_score_adj"]:
    attempt(lambda path: os.write(os.open(path, os.O_WRONLY), b"1"), path)
print("HELD")
