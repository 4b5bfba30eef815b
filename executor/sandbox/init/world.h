/* The file system, network and host name of one box. */
#pragma once

#include <sys/types.h>

#define WORK "/box/work"

/* A file of the work folder; `content` is a descriptor to copy from. */
struct file {
    const char *name;
    int content;
    mode_t mode;
};

/* No submitted program has run when these are called, so no path can be a link that leads elsewhere. */
void make_world(long long disk_bytes, uid_t user);
void write_work_folder(const struct file *files, int count, uid_t user);

/* Write to a file below /proc, which the box itself can only read. */
void write_to_proc(const char *path, const char *value);
