/* Process 1 collects what a program wrote to its out folder, or to paths that were named before it ran. The program has
 * ended and every process that it left is dead, so nothing can replace a file between the check and the read. The
 * program may be hostile: no link is followed, only regular files are opened, and the work has bounds.
 */

#include "compiled_files.h"
#include "mounts.h"
#include "out_folder.h"
#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_ENTRIES = 1024, /* that are looked at, the first that the folder lists; these are sorted */
    MAX_COUNTED = 65536,
    MAX_NAMES_BYTES = 65536,
    MAX_WORDS_BYTES = 131072, /* the names, and a number for each */
};

/* What became of an entry. The same order as in streams/collected.py. */
enum fate { TOO_MANY, TOO_LARGE, NOT_A_FILE, UNREADABLE, FATES_LEFT_OUT, COLLECTED = FATES_LEFT_OUT };

/* `words` are the name and size of each collected file. `contents` is one file with the contents of all. */
struct collection {
    char names[MAX_NAMES_BYTES];
    const char *entries[MAX_ENTRIES + 1]; /* NULL ends them */
    size_t entry_count, names_length;
    char words[MAX_WORDS_BYTES];
    size_t length;
    int contents, files_left;
    long long bytes_left;
    int left_out[FATES_LEFT_OUT];
};

static int by_name(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static void list_entries(int folder, struct collection *files)
{
    struct dirent *entry;
    DIR *listing = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!listing)
        return;
    for (int count = 0; count < MAX_COUNTED && (entry = readdir(listing)); count++) {
        size_t length = strlen(entry->d_name) + 1;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (files->entry_count == MAX_ENTRIES || length > sizeof files->names - files->names_length) {
            files->left_out[TOO_MANY]++;
            continue;
        }
        files->entries[files->entry_count++] = memcpy(files->names + files->names_length, entry->d_name, length);
        files->names_length += length;
    }
    closedir(listing);
    qsort(files->entries, files->entry_count, sizeof *files->entries, by_name);
}

/* Open the folder that has the last part of a path, and point `name` to that part. No link is followed, so the result is
 * below `folder`, or below the one above it if the path is absolute. Return -1 if a part is no folder. */
static int open_parent(int folder, const char *path, const char **name)
{
    char part[NAME_MAX + 1];
    const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int parent = openat(folder, *path == '/' ? ".." : ".", flags);
    *name = path + (*path == '/');
    for (const char *end; parent >= 0 && (end = strchr(*name, '/')); *name = end + 1) {
        int length = snprintf(part, sizeof part, "%.*s", (int)(end - *name), *name);
        int next = length <= NAME_MAX ? openat(parent, part, flags) : -1;
        close(parent);
        parent = next;
    }
    return parent;
}

/* Collect the entry `name` of a folder as `path`, or return why it is left out. */
static enum fate collect(int folder, const char *name, const char *path, struct collection *files)
{
    struct stat status;
    size_t room = sizeof files->words - files->length;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return UNREADABLE;
    if (!S_ISREG(status.st_mode))
        return NOT_A_FILE;
    if (files->files_left == 0)
        return TOO_MANY;
    if (status.st_size > files->bytes_left)
        return TOO_LARGE;
    int source = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (source < 0)
        return UNREADABLE;
    size_t length = (size_t)snprintf(files->words + files->length, room, "%s%c%lld", path, 0,
                                     (long long)status.st_size) + 1;
    /* The host is out of memory, which is not the program's fault. */
    if (length > room || !append_content(source, status.st_size, files->contents))
        fail("collecting the out folder");
    close(source);
    files->length += length;
    files->files_left--;
    files->bytes_left -= status.st_size;
    return COLLECTED;
}

void send_out_folder(uid_t user, const struct wanted *wanted, int receiver)
{
    static struct collection files;
    const char *name;
    /* It may open what the program may open, and nothing else. The last step has ended, so it keeps the rights of the
     * user. */
    setfsuid(user);
    int work = open(WORK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int folder = openat(work, *wanted->paths ? "." : wanted->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return;
    files.files_left = wanted->max_files;
    files.bytes_left = wanted->max_bytes;
    files.contents = new_contents();
    if (!*wanted->paths)
        list_entries(folder, &files);
    for (const char *const *path = *wanted->paths ? (const char *const *)wanted->paths : files.entries; *path; path++) {
        int parent = open_parent(folder, *path, &name);
        enum fate fate = parent < 0 ? UNREADABLE : collect(parent, name, *path, &files);
        if (fate != COLLECTED)
            files.left_out[fate]++;
        close(parent);
    }
    for (int fate = 0; fate < FATES_LEFT_OUT; fate++) {
        size_t room = sizeof files.words - files.length;
        size_t length = (size_t)snprintf(files.words + files.length, room, "%d", files.left_out[fate]) + 1;
        if (length > room)
            fail_malformed("out folder");
        files.length += length;
    }
    send_contents(files.contents, files.words, files.length, receiver);
    close(folder);
    close(work);
    close(files.contents);
}
