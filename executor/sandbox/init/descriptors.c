/* What a process that is forked has open is one thing with its parent's and its siblings'. So each child of a runtime
 * gets its own: what an event loop has, and the null device, is made anew under the same numbers, as it was.
 */

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
    HIGHEST = 255, /* a runtime that has just started has few */
    MAX_WATCHED = 128,
    MAX_IN_PIPE = 64,
};

enum what { NOTHING, NULL_DEVICE, EPOLL, EVENTFD, PIPE };

struct kept {
    int number, flags; /* `flags` as open(2) has them */
    enum what what;
    unsigned long long count;          /* of an eventfd */
    char link[64], bytes[MAX_IN_PIPE]; /* of a pipe: both of its ends have the same link */
    size_t length;
};

struct watched {
    int epoll, number;
    struct epoll_event event;
};

static struct kept kept[MAX_OPEN];
static struct watched watched[MAX_WATCHED];
static int kept_count, watched_count;

static enum what what_is(const char *link)
{
    if (strcmp(link, "/dev/null") == 0)
        return NULL_DEVICE;
    if (strcmp(link, "anon_inode:[eventpoll]") == 0)
        return EPOLL;
    if (strcmp(link, "anon_inode:[eventfd]") == 0)
        return EVENTFD;
    return strncmp(link, "pipe:", 5) == 0 ? PIPE : NOTHING;
}

/* proc_pid_fdinfo(5) tells an eventfd's count and what an epoll watches. */
static void read_details(struct kept *one)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", one->number);
    FILE *details = fopen(path, "re");
    if (!details)
        fail(path);
    while (fgets(line, sizeof line, details)) {
        struct watched next = {.epoll = one->number};
        unsigned events;
        unsigned long long data;
        sscanf(line, "eventfd-count: %llx", &one->count);
        if (sscanf(line, "tfd: %d events: %x data: %llx", &next.number, &events, &data) != 3)
            continue;
        if (watched_count == MAX_WATCHED)
            cannot("so many watched descriptors");
        next.event.events = events;
        next.event.data.u64 = data;
        watched[watched_count++] = next;
    }
    fclose(details);
}

/* What lies in a pipe, which then lies there again. */
static void read_pipe(struct kept *end)
{
    char path[64];
    int waiting = 0;
    if (ioctl(end->number, FIONREAD, &waiting) < 0 || waiting > MAX_IN_PIPE)
        cannot("pipe");
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

static bool reads(const struct kept *end)
{
    return (end->flags & O_ACCMODE) == O_RDONLY;
}

static bool is_other_end(const struct kept *one, const struct kept *end)
{
    return reads(one) != reads(end) && strcmp(one->link, end->link) == 0;
}

/* A pipe whose other end is not ours as well cannot be made anew. */
static void pair_pipes(void)
{
    for (int index = 0; index < kept_count; index++) {
        int others = 0;
        for (int other = 0; other < kept_count; other++)
            others += is_other_end(&kept[other], &kept[index]);
        if (kept[index].what == PIPE && others != 1)
            cannot(kept[index].link);
    }
}

void learn_descriptors(void)
{
    for (int number = CONTROL + 1; number <= HIGHEST; number++) {
        char path[64];
        struct kept next = {.number = number, .flags = fcntl(number, F_GETFL)};
        if (next.flags < 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", number);
        if (readlink(path, next.link, sizeof next.link - 1) < 0)
            fail(path);
        next.what = what_is(next.link);
        if (next.what == NOTHING || kept_count == MAX_OPEN)
            cannot(next.link);
        if (next.what == EPOLL || next.what == EVENTFD)
            read_details(&next);
        if (next.what == PIPE && reads(&next))
            read_pipe(&next);
        kept[kept_count++] = next;
    }
    pair_pipes();
}

/* `number` becomes `made`, which is closed. */
static void put(int made, const struct kept *as)
{
    if (made < 0 || put_at(as->number, made, O_CLOEXEC) < 0)
        fail(as->link);
    if (as->what != EPOLL && fcntl(as->number, F_SETFL, as->flags) < 0)
        fail(as->link);
    close(made);
}

static void renew_pipe(const struct kept *end)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0 || write(pair[1], end->bytes, end->length) != (ssize_t)end->length)
        fail("pipe");
    for (int index = 0; index < kept_count; index++)
        if (is_other_end(&kept[index], end))
            put(dup(pair[1]), &kept[index]);
    put(pair[0], end);
    close(pair[1]);
}

void renew_descriptors(void)
{
    for (int index = 0; index < kept_count; index++) {
        const struct kept *one = &kept[index];
        if (one->what == NULL_DEVICE) /* even of that, two that share it can tell each other its flags */
            put(open("/dev/null", (one->flags & O_ACCMODE) | O_CLOEXEC), one);
        else if (one->what == EPOLL)
            put(epoll_create1(EPOLL_CLOEXEC), one);
        else if (one->what == EVENTFD)
            put(eventfd((unsigned)one->count, EFD_CLOEXEC), one);
        else if (one->what == PIPE && reads(one))
            renew_pipe(one);
    }
    for (int index = 0; index < watched_count; index++) {
        struct watched *next = &watched[index];
        if (epoll_ctl(next->epoll, EPOLL_CTL_ADD, next->number, &next->event) < 0)
            fail("epoll_ctl");
    }
}

static void close_range_of(unsigned first, unsigned last)
{
    if (syscall(SYS_close_range, first, last, 0) < 0)
        for (unsigned number = first; number <= last && number < 1024; number++)
            close((int)number);
}

void close_others(void)
{
    unsigned first = CONTROL + 1;
    for (int index = 0; index < kept_count; index++) {
        unsigned number = (unsigned)kept[index].number;
        if (number > first)
            close_range_of(first, number - 1);
        first = number + 1;
    }
    close_range_of(first, ~0U);
}
