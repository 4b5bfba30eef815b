#pragma once

#include <sys/types.h>

#define WORK "/box/work"

/* A file of the work folder; `content` is a descriptor to copy from. */
struct file {
    const char *name;
    int content;
    mode_t mode;
};

/* No submitted program has run yet, so paths are what they seem; nor has it when the work folder is furnished. */
void write_to_proc(const char *path, const char *value); /* what programs see at /proc is read-only */
void build_world(long long disk_bytes, uid_t user);
void furnish(const struct file *files, int count, uid_t user);
