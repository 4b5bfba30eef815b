#include "descriptors.h"
#include "process.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_OPEN = 64,
    HIGHEST = 255, /* a runtime that has just started uses none above */
    MAX_WATCHES = 128,
    MAX_IN_PIPE = 64,
};

enum type { OTHER, NULL_DEVICE, EPOLL, EVENTFD, PIPE };

struct record {
    int number, flags; /* `flags` are those of open(2) */
    enum type type;
    unsigned long long count;          /* of an eventfd */
    char link[64], bytes[MAX_IN_PIPE]; /* of a pipe: both of its ends have the same link */
    size_t length;
};

struct watch {
    int epoll, number;
    struct epoll_event event;
};

static struct record records[MAX_OPEN];
static struct watch watches[MAX_WATCHES];
static int record_count, watch_count;

static enum type type_of(const char *link)
{
    if (strcmp(link, "/dev/null") == 0)
        return NULL_DEVICE;
    if (strcmp(link, "anon_inode:[eventpoll]") == 0)
        return EPOLL;
    if (strcmp(link, "anon_inode:[eventfd]") == 0)
        return EVENTFD;
    return strncmp(link, "pipe:", 5) == 0 ? PIPE : OTHER;
}

/* Read an eventfd's count, or what an epoll watches (proc_pid_fdinfo(5)). */
static void read_details(struct record *record)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", record->number);
    FILE *details = fopen(path, "re");
    if (!details)
        fail(path);
    while (fgets(line, sizeof line, details)) {
        struct watch watch = {.epoll = record->number};
        unsigned events;
        unsigned long long data;
        sscanf(line, "eventfd-count: %llx", &record->count);
        if (sscanf(line, "tfd: %d events: %x data: %llx", &watch.number, &events, &data) != 3)
            continue;
        if (watch_count == MAX_WATCHES)
            fail_unsupported("too many watched descriptors");
        watch.event.events = events;
        watch.event.data.u64 = data;
        watches[watch_count++] = watch;
    }
    fclose(details);
}

/* Record the content of a pipe: read it, and write it back. */
static void read_pipe(struct record *end)
{
    char path[64];
    int waiting = 0;
    if (ioctl(end->number, FIONREAD, &waiting) < 0 || waiting > MAX_IN_PIPE)
        fail_unsupported("pipe");
    if (waiting == 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", end->number);
    int back = open(path, O_WRONLY | O_CLOEXEC);
    end->length = (size_t)waiting;
    if (back < 0 || read(end->number, end->bytes, end->length) != waiting ||
        write(back, end->bytes, end->length) != waiting)
        fail("pipe");
    close(back);
}

static bool reads(const struct record *end)
{
    return (end->flags & O_ACCMODE) == O_RDONLY;
}

static bool is_other_end(const struct record *record, const struct record *end)
{
    return reads(record) != reads(end) && strcmp(record->link, end->link) == 0;
}

/* A pipe can be replaced only if this process has both of its ends. */
static void check_pipes(void)
{
    for (int index = 0; index < record_count; index++) {
        int others = 0;
        for (int other = 0; other < record_count; other++)
            others += is_other_end(&records[other], &records[index]);
        if (records[index].type == PIPE && others != 1)
            fail_unsupported(records[index].link);
    }
}

void record_descriptors(void)
{
    for (int number = CONTROL + 1; number <= HIGHEST; number++) {
        char path[64];
        struct record next = {.number = number, .flags = fcntl(number, F_GETFL)};
        if (next.flags < 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", number);
        if (readlink(path, next.link, sizeof next.link - 1) < 0)
            fail(path);
        next.type = type_of(next.link);
        if (next.type == OTHER || record_count == MAX_OPEN)
            fail_unsupported(next.link);
        if (next.type == EPOLL || next.type == EVENTFD)
            read_details(&next);
        if (next.type == PIPE && reads(&next))
            read_pipe(&next);
        records[record_count++] = next;
    }
    check_pipes();
}

/* Give a new descriptor the number and the flags of an old one. */
static void replace(const struct record *old, int new)
{
    if (new < 0 || put_at(old->number, new, O_CLOEXEC) < 0)
        fail(old->link);
    if (old->type != EPOLL && fcntl(old->number, F_SETFL, old->flags) < 0)
        fail(old->link);
    close(new);
}

static void replace_pipe(const struct record *end)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0 || write(pair[1], end->bytes, end->length) != (ssize_t)end->length)
        fail("pipe");
    for (int index = 0; index < record_count; index++)
        if (is_other_end(&records[index], end))
            replace(&records[index], dup(pair[1]));
    replace(end, pair[0]);
    close(pair[1]);
}

void replace_descriptors(void)
{
    for (int index = 0; index < record_count; index++) {
        const struct record *old = &records[index];
        if (old->type == NULL_DEVICE) /* otherwise its flags would be shared, and be a channel between boxes */
            replace(old, open("/dev/null", (old->flags & O_ACCMODE) | O_CLOEXEC));
        else if (old->type == EPOLL)
            replace(old, epoll_create1(EPOLL_CLOEXEC));
        else if (old->type == EVENTFD)
            replace(old, eventfd((unsigned)old->count, EFD_CLOEXEC));
        else if (old->type == PIPE && reads(old))
            replace_pipe(old);
    }
    for (int index = 0; index < watch_count; index++) {
        struct watch *watch = &watches[index];
        if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, watch->number, &watch->event) < 0)
            fail("epoll_ctl");
    }
}

static void close_numbers(unsigned first, unsigned last)
{
    if (syscall(SYS_close_range, first, last, 0) < 0)
        for (unsigned number = first; number <= last && number < 1024; number++)
            close((int)number);
}

void close_other_descriptors(void)
{
    unsigned first = CONTROL + 1;
    for (int index = 0; index < record_count; index++) {
        unsigned number = (unsigned)records[index].number;
        if (number > first)
            close_numbers(first, number - 1);
        first = number + 1;
    }
    close_numbers(first, ~0U);
}
