"""What holds the sandbox as a whole: the bubblewrap command, the filter of system calls, and cgroups."""
