/* Process 1 collects compiled files while no other process is in the box: the first step has ended, the processes it
 * left were killed, and the next step has not started. So no process can replace a file between the check and the read.
 * No submitted program has run yet; a compiler made the files. Their names, types and sizes are checked nevertheless.
 */

#include "compiled_files.h"
#include "mounts.h"
#include "packet.h"
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_COMPILED_FILES = 512, /* the same as in keeper/protocol.py */
    MAX_DEPTH = 32,      /* of folders */
    MAX_NAME = 512,
    MAX_WORDS_BYTES = 65536, /* so that one packet has room for these names, those of the inputs, and arguments */
};
static const int SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/* `words` are the name, mode and size of each file. `contents` is one file with the contents of all. */
struct collection {
    const struct file *inputs;
    int input_count;
    char words[MAX_WORDS_BYTES];
    size_t length;
    int contents, count;
    long long bytes_left;
};

static bool collect_folder(int folder, const char *path, int depth, struct collection *files);

static bool is_input(const char *name, const struct collection *files)
{
    for (int index = 0; index < files->input_count; index++)
        if (strcmp(name, files->inputs[index].name) == 0)
            return true;
    return false;
}

int new_contents(void)
{
    int contents = memfd_create("contents", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (contents < 0)
        fail("memfd_create");
    return contents;
}

bool append_content(int source, off_t size, int target)
{
    off_t offset = 0;
    ssize_t sent = 1;
    while (offset < size && (sent = sendfile(target, source, &offset, (size_t)(size - offset))) > 0)
        ;
    return sent > 0;
}

void send_contents(int contents, const char *words, size_t length, int receiver)
{
    if (fcntl(contents, F_ADD_SEALS, SEALS) < 0)
        fail("seals");
    send_packet(receiver, words, length, &contents, 1);
}

/* Add the regular file `source`; false if it is too large, or one too many. */
static bool collect_file(int source, const char *name, const struct stat *status, struct collection *files)
{
    size_t room = sizeof files->words - files->length;
    if (files->count == MAX_COMPILED_FILES || status->st_size > files->bytes_left)
        return false;
    size_t length = (size_t)snprintf(files->words + files->length, room, "%s%c%d%c%lld", name, 0,
                                     (int)status->st_mode & 0755, 0, (long long)status->st_size) + 1;
    if (length > room || !append_content(source, status->st_size, files->contents))
        return false;
    files->count++;
    files->length += length;
    files->bytes_left -= status->st_size;
    return true;
}

/* Add the entry of a folder; false if it is neither a folder nor a regular file, or does not fit. */
static bool collect(int folder, const char *entry, const char *name, int depth, struct collection *files)
{
    struct stat status;
    /* O_NOFOLLOW makes a link an error; with O_NONBLOCK, opening a FIFO does not wait for a writer. */
    int source = openat(folder, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (source < 0)
        return false;
    if (fstat(source, &status) == 0 && S_ISDIR(status.st_mode))
        return collect_folder(source, name, depth + 1, files);
    bool complete = S_ISREG(status.st_mode) && collect_file(source, name, &status, files);
    close(source);
    return complete;
}

/* Add all files in the folder, whose names begin with `path`, and close it. */
static bool collect_folder(int folder, const char *path, int depth, struct collection *files)
{
    char name[MAX_NAME];
    struct dirent *entry;
    DIR *listing = depth > MAX_DEPTH ? NULL : fdopendir(folder);
    bool all = listing != NULL;
    if (!all)
        close(folder);
    errno = 0;
    while (all && (entry = readdir(listing))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            all = snprintf(name, sizeof name, "%s%s%s", path, *path ? "/" : "", entry->d_name) < MAX_NAME;
            all = all && (is_input(name, files) || collect(dirfd(listing), entry->d_name, name, depth, files));
        }
        errno = 0;
    }
    all = all && errno == 0;
    if (listing)
        closedir(listing);
    return all;
}

void send_compiled_files(const struct file *inputs, int count, long long max_bytes, int receiver)
{
    static struct collection files;
    int folder = open(WORK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    files.inputs = inputs;
    files.input_count = count;
    files.bytes_left = max_bytes;
    files.contents = new_contents();
    if (folder < 0)
        fail(WORK);
    bool all = collect_folder(folder, "", 0, &files);
    if (all && files.count > 0)
        send_contents(files.contents, files.words, files.length, receiver);
    close(files.contents);
}
