/* Files that a program wrote, and which come back: those of its out folder, or those that are named. */
#pragma once

#include <sys/types.h>

/* What comes back: the files at `paths`, which NULL ends, or without any those in the folder `name`. Paths are seen from
 * the work folder, and absolute ones from the folder above it. */
struct wanted {
    const char *name;
    char *const *paths;
    int max_files;
    long long max_bytes;
};

/* Send the regular files to `receiver`, read with the rights of `user`. Send nothing if there is no such folder. */
void send_out_folder(uid_t user, const struct wanted *wanted, int receiver);
