/* Process 1 collects artefacts while no other process is in the box: the first step has ended, the processes that it
 * left were killed, and the next step has not started. So no process can replace a file between the check and the read.
 * No submitted program has run yet; a compiler made the files. Their names, types and sizes are checked nevertheless.
 */

#include "artefacts.h"
#include "packet.h"
#include "process.h"
#include "world.h"

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

enum { MAX_ARTEFACTS = 32 }; /* the same as in keeper/protocol.py */
static const int SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

struct collection {
    char words[MAX_PACKET];
    size_t length;
    int copies[MAX_ARTEFACTS];
    int count;
};

static bool is_input(const char *name, const struct file *inputs, int count)
{
    for (int index = 0; index < count; index++)
        if (strcmp(name, inputs[index].name) == 0)
            return true;
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Return a sealed copy of `source`, or -1. */
static int copy(int source, off_t size)
{
    off_t offset = 0;
    ssize_t sent = 1;
    int target = memfd_create("artefact", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    while (target >= 0 && offset < size && (sent = sendfile(target, source, &offset, (size_t)(size - offset))) > 0)
        ;
    if (target >= 0 && (sent <= 0 || fcntl(target, F_ADD_SEALS, SEALS) < 0)) {
        close(target);
        return -1;
    }
    return target;
}

/* Add a copy of the file; false if it is not a regular file, too large, or one too many. */
static bool collect(int directory, const char *name, long long *bytes_left, struct collection *files)
{
    struct stat status;
    bool complete = false;
    /* O_NOFOLLOW makes a link an error; with O_NONBLOCK, opening a FIFO does not wait for a writer. */
    int source = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (source < 0)
        return false;
    if (files->count < MAX_ARTEFACTS && fstat(source, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size <= *bytes_left) {
        int target = copy(source, status.st_size);
        size_t room = sizeof files->words - files->length;
        size_t length = (size_t)snprintf(files->words + files->length, room, "%s%c%d%c%lld", name, 0,
                                         (int)status.st_mode & 0755, 0, (long long)status.st_size) + 1;
        if (target >= 0) {
            files->copies[files->count++] = target;
            files->length += length;
            *bytes_left -= status.st_size;
            complete = length <= room;
        }
    }
    close(source);
    return complete;
}

void send_artefacts(const struct file *inputs, int count, long long max_bytes, int receiver)
{
    static struct collection files;
    struct dirent *entry;
    bool all = true;
    int directory = open(WORK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = directory < 0 ? NULL : fdopendir(directory);
    if (!listing)
        fail(WORK);
    errno = 0;
    while (all && (entry = readdir(listing))) {
        all = is_input(entry->d_name, inputs, count) || collect(directory, entry->d_name, &max_bytes, &files);
        errno = 0;
    }
    all = all && errno == 0;
    closedir(listing);
    if (all && files.count > 0)
        send_packet(receiver, files.words, files.length, files.copies, files.count);
    for (int index = 0; index < files.count; index++)
        close(files.copies[index]);
}
