/* Files that come back from a box: what a compiler made, or what a program wrote. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Which files come back: those at `paths`, which NULL ends, or without any those in `folder`. Paths are seen from the work
 * folder, and absolute ones from the folder above it. If `folder` is the work folder, so do the folders and links in it. */
struct wanted {
    const char *folder;
    char *const *paths;
    int max_files;
    long long max_bytes;
};

/* Send the files to `receiver`, read with the rights of `user`. Send nothing if there is no such folder. */
void send_files(uid_t user, const struct wanted *wanted, int receiver);
