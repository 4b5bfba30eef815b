/* Process 1 collects files when the program has ended and every process that it left is dead, so nothing can replace a
 * file between the check and the read. The program may be hostile: no link is followed, only regular files are opened, and
 * the work has bounds.
 */

#include "collect.h"
#include "mounts.h"
#include "packet.h"
#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_ENTRIES = 1024, /* of an out folder that are looked at, the first that it lists; these are sorted */
    MAX_COUNTED = 65536,
    MAX_DEPTH = 32, /* of folders */
    MAX_NAME = 512,
    MAX_NAMES_BYTES = 65536,
    MAX_COUNTS_BYTES = 64, /* of four numbers */
    MAX_WORDS_BYTES = 131072, /* so that one packet has room for these and for the arguments of a program */
};
static const char WORK_FOLDER[] = ".";
static const int OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
static const int SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/* What became of an entry. The same order as in streams/collected.py. */
enum fate { TOO_MANY, TOO_LARGE, NOT_A_FILE, UNREADABLE, FATES_LEFT_OUT, COLLECTED = FATES_LEFT_OUT };

/* `words` are the name, mode and size of each file. `contents` is one file with the contents of all. If the files are the
 * `whole` work folder, the content of a link is its target, and a folder is an empty file whose name ends with a slash. */
struct collection {
    bool whole;
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

static bool is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void list_entries(int folder, struct collection *files)
{
    struct dirent *entry;
    DIR *listing = fdopendir(openat(folder, ".", OPEN_FOLDER));
    if (!listing)
        return;
    for (int count = 0; count < MAX_COUNTED && (entry = readdir(listing)); count++) {
        size_t length = strlen(entry->d_name) + 1;
        if (!is_entry(entry))
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

static bool append_file(int folder, const char *name, off_t size, int contents)
{
    off_t offset = 0;
    ssize_t sent = 1;
    int source = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (source < 0)
        return false;
    while (offset < size && (sent = sendfile(contents, source, &offset, (size_t)(size - offset))) > 0)
        ;
    close(source);
    if (sent <= 0)
        fail("collecting files"); /* the host is out of memory, which is not the program's fault */
    return true;
}

static bool append_link(int folder, const char *name, off_t size, int contents)
{
    char target[PATH_MAX];
    return readlinkat(folder, name, target, sizeof target) == size && write(contents, target, (size_t)size) == size;
}

/* Collect the entry `name` of a folder as `path`, or return why it is left out. */
static enum fate collect(int folder, const char *name, const char *path, struct collection *files)
{
    struct stat status;
    /* The numbers of entries that are left out follow the files. */
    size_t room = sizeof files->words - MAX_COUNTS_BYTES - files->length;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return UNREADABLE;
    bool is_folder = files->whole && S_ISDIR(status.st_mode), is_link = files->whole && S_ISLNK(status.st_mode);
    if (!is_folder && !is_link && !S_ISREG(status.st_mode))
        return NOT_A_FILE;
    off_t size = is_folder ? 0 : status.st_size;
    size_t length = (size_t)snprintf(files->words + files->length, room, "%s%c%d%c%lld", path, 0,
                                     (int)status.st_mode & (S_ISREG(status.st_mode) ? 0755 : S_IFMT), 0,
                                     (long long)size) + 1;
    if (files->files_left == 0 || length > room)
        return TOO_MANY;
    if (size > files->bytes_left)
        return TOO_LARGE;
    if (!is_folder && !(is_link ? append_link : append_file)(folder, name, size, files->contents))
        return UNREADABLE;
    files->length += length;
    files->files_left--;
    files->bytes_left -= size;
    return COLLECTED;
}

/* Collect everything in a folder, whose names begin with `path`, and close it. Stop at the first that is left out, and
 * return why. */
static enum fate collect_folder(int folder, const char *path, int depth, struct collection *files)
{
    char name[MAX_NAME];
    struct dirent *entry;
    DIR *listing = depth > MAX_DEPTH ? NULL : fdopendir(folder);
    enum fate fate = listing ? COLLECTED : depth > MAX_DEPTH ? TOO_MANY : UNREADABLE;
    if (!listing)
        close(folder);
    while (fate == COLLECTED && (entry = readdir(listing))) {
        if (!is_entry(entry))
            continue;
        bool is_folder = entry->d_type == DT_DIR;
        int length = snprintf(name, sizeof name, "%s%s%s", path, entry->d_name, is_folder ? "/" : "");
        fate = length < MAX_NAME ? collect(dirfd(listing), entry->d_name, name, files) : TOO_MANY;
        if (fate == COLLECTED && is_folder)
            fate = collect_folder(openat(dirfd(listing), entry->d_name, OPEN_FOLDER), name, depth + 1, files);
    }
    if (listing)
        closedir(listing);
    return fate;
}

/* Collect the whole work folder, or nothing of it but the reason. */
static void collect_whole(int folder, struct collection *files)
{
    enum fate fate = collect_folder(folder, "", 0, files);
    if (fate == COLLECTED)
        return;
    files->left_out[fate]++;
    files->length = 0;
}

/* Collect the files at the paths, or those that an out folder lists. */
static void collect_listed(int folder, const struct wanted *wanted, struct collection *files)
{
    const char *name;
    if (!*wanted->paths)
        list_entries(folder, files);
    for (const char *const *path = *wanted->paths ? (const char *const *)wanted->paths : files->entries; *path; path++) {
        int parent = open_parent(folder, *path, &name);
        enum fate fate = parent < 0 ? UNREADABLE : collect(parent, name, *path, files);
        if (fate != COLLECTED)
            files->left_out[fate]++;
        close(parent);
    }
}

void send_files(uid_t user, const struct wanted *wanted, int receiver)
{
    static struct collection files;
    files.whole = !*wanted->paths && strcmp(wanted->folder, WORK_FOLDER) == 0;
    files.files_left = wanted->max_files;
    files.bytes_left = wanted->max_bytes;
    /* It may open what the program may open, and nothing else. The program has ended, so it keeps the rights of the user. */
    setfsuid(user);
    int work = open(WORK, OPEN_FOLDER);
    int folder = openat(work, *wanted->paths ? WORK_FOLDER : wanted->folder, OPEN_FOLDER);
    if (folder < 0 && !files.whole)
        return;
    files.contents = memfd_create("contents", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (files.contents < 0)
        fail("memfd_create");
    if (files.whole)
        collect_whole(folder, &files);
    else
        collect_listed(folder, wanted, &files);
    for (int fate = 0; fate < FATES_LEFT_OUT; fate++) {
        size_t room = sizeof files.words - files.length;
        files.length += (size_t)snprintf(files.words + files.length, room, "%d", files.left_out[fate]) + 1;
    }
    if (fcntl(files.contents, F_ADD_SEALS, SEALS) < 0)
        fail("seals");
    send_packet(receiver, files.words, files.length, &files.contents, 1);
}
