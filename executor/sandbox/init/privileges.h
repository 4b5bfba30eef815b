/* The privileges of the zygote, process 1 and a program. Each has fewer than the one that forked it. */
#pragma once

#include <stddef.h>

/* A filter of system calls: a classic BPF program (seccomp(2)). */
struct filter {
    const char *code;
    size_t bytes;
};

/* Sets of capabilities, one bit each (capabilities(7)). */
extern const unsigned long long NO_CAPABILITY, TO_RUN_BOX, TO_START_PROGRAM, TO_MAKE_BOXES;

void empty_bounding_set(int last_capability);
void limit_capabilities(unsigned long long allowed);
void install_filter(const struct filter *filter);
