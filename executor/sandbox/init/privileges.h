#pragma once

#include <stddef.h>

/* Of system calls: a classic BPF program (seccomp(2)). */
struct filter {
    const char *code;
    size_t bytes;
};

/* Capabilities by their bits (capabilities(7)). */
extern const unsigned long long NO_CAPABILITY, TO_LIVE, TO_MAKE_BOXES;
void empty_bounding_set(int last_capability);
void limit_capabilities(unsigned long long most);
void install_filter(const struct filter *filter);
