"""The isolation of the sandbox as a whole: the bubblewrap command, the filters of system calls, users, and cgroups."""
