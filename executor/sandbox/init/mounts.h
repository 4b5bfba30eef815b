/* The file system, network and host name of one box. */
#pragma once

#include <sys/types.h>

#define WORK "/box/work"

enum {
    MAX_FILES = 4096, /* of a work folder */
};

/* A file of the work folder: `size` bytes to copy from the descriptor `contents`, beginning at `offset`. If its name
 * begins with `..`, it is beside the work folder, and stays ours. By its mode it may be a link, to the path that is its
 * content, or a folder, whose name ends with a slash. */
struct file {
    const char *name;
    int contents;
    off_t offset, size;
    mode_t mode;
};

/* These are called before a submitted program runs, so no path can be a link that leads elsewhere. */
void make_world(long long disk_bytes, uid_t user);
void write_work_folder(const struct file *files, int count, const char *out_folder, uid_t user);

/* Write to a file below /proc. The box's own mount of /proc is read-only. */
void write_to_proc(const char *path, const char *value);
