/* The files that a step made, taken out of its box by process 1.
 *
 * They are taken while nothing else lives in the box: the step has ended, all that it left was killed, and no other has
 * started. So nobody can exchange a file between a look at it and its reading, and no line of a submitted program has
 * run. What is there was made by a compiler; its names, kinds and sizes are looked at nevertheless.
 */

#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static const int SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

struct taken {
    char words[MAX_PACKET];
    size_t length;
    int copies[MAX_ARTEFACTS];
    int count;
};

static bool is_given(const char *name, const struct file *given, int count)
{
    for (int index = 0; index < count; index++)
        if (strcmp(name, given[index].name) == 0)
            return true;
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A sealed copy of `source`, or -1. */
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

/* False when it may not be had: no regular file, too large, or one too many. */
static bool take(int directory, const char *name, long long *room, struct taken *taken)
{
    struct stat status;
    bool done = false;
    /* A link is an error, and opening a FIFO does not wait for somebody to write. */
    int source = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (source < 0)
        return false;
    if (taken->count < MAX_ARTEFACTS && fstat(source, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size <= *room) {
        int target = copy(source, status.st_size);
        size_t left = sizeof taken->words - taken->length;
        size_t written = (size_t)snprintf(taken->words + taken->length, left, "%s%c%d%c%lld", name, 0,
                                          (int)status.st_mode & 0755, 0, (long long)status.st_size) + 1;
        if (target >= 0) {
            taken->copies[taken->count++] = target;
            taken->length += written;
            *room -= status.st_size;
            done = written <= left;
        }
    }
    close(source);
    return done;
}

/* All of it or nothing: what is too much, or anything but regular files, is not to be had in part. */
void hand_out_artefacts(const struct file *given, int count, long long most_bytes, int receiver)
{
    static struct taken taken;
    struct dirent *entry;
    bool all = true;
    int directory = open(WORK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = directory < 0 ? NULL : fdopendir(directory);
    if (!listing)
        fail(WORK);
    errno = 0;
    while (all && (entry = readdir(listing))) {
        all = is_given(entry->d_name, given, count) || take(directory, entry->d_name, &most_bytes, &taken);
        errno = 0;
    }
    all = all && errno == 0;
    closedir(listing);
    if (all && taken.count > 0)
        send_packet(receiver, taken.words, taken.length, taken.copies, taken.count);
    for (int index = 0; index < taken.count; index++)
        close(taken.copies[index]);
}
