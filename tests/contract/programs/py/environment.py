import os

print(sorted(os.environ.items()), os.getcwd(), os.getpid(), os.getppid(), os.getuid(), os.umask(0o22))
print(sorted(os.listdir(".")), sorted(os.listdir("/box")), os.sched_getaffinity(0) == set(range(os.cpu_count())))
