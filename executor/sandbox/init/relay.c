#include "packet.h"
#include "process.h"
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_BYTES = 1 << 20, /* at once */
    /* How often and how long to look whether a judge that has closed its output is ending. Looks are counted, because a
     * machine may pause this process and the judge together. */
    LOOKS = 20,
    LOOK_MS = 10,
};

/* One direction. A descriptor is -1 when it is closed. */
struct flow {
    int from, to;
    bool waits_for_room; /* otherwise it waits for bytes */
    long long passed;
};

static struct flow to_judge, to_program;
static int judge_process = -1; /* a pidfd, until the judge has ended */

void begin_relay(const int *ends, pid_t judge)
{
    to_judge = (struct flow){.from = ends[FROM_PROGRAM], .to = ends[TO_JUDGE]};
    to_program = (struct flow){.from = ends[FROM_JUDGE], .to = ends[TO_PROGRAM]};
    judge_process = (int)syscall(SYS_pidfd_open, judge, 0);
    if (judge_process < 0)
        fail("pidfd_open");
}

static void shut(int *end)
{
    close(*end);
    *end = -1;
}

/* Return whether the judge is ending. The kernel closes the descriptors of a process just before its parent can wait
 * for it, and the program may learn of the judge's end only after us. */
static bool is_ending(void)
{
    struct pollfd end = {.fd = judge_process, .events = POLLIN};
    for (int look = 0; look < LOOKS; look++)
        if (poll(&end, 1, LOOK_MS) != 0)
            return true;
    return false;
}

/* Pass bytes once. Shut `from` at its end, and drop everything from now on if nobody is left to read. */
static void pass(struct flow *flow)
{
    ssize_t bytes = splice(flow->from, NULL, flow->to, NULL, MAX_BYTES, SPLICE_F_NONBLOCK);
    if (bytes > 0) {
        flow->passed += bytes;
        flow->waits_for_room = false;
    } else if (bytes == 0) {
        shut(&flow->from);
    } else if (errno == EAGAIN) {
        flow->waits_for_room = !flow->waits_for_room;
    } else if (errno == EPIPE) {
        close(flow->to);
        flow->to = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (flow->to < 0)
            fail("/dev/null");
    } else if (errno != EINTR) {
        fail("splice");
    }
}

static struct pollfd awaited(const struct flow *flow)
{
    bool for_room = flow->from >= 0 && flow->waits_for_room;
    return (struct pollfd){.fd = for_room ? flow->to : flow->from, .events = for_room ? POLLOUT : POLLIN};
}

static int bytes_in(int pipe)
{
    int bytes = 0;
    ioctl(pipe, FIONREAD, &bytes); /* fails if it is closed or no pipe, which holds nothing */
    return bytes;
}

/* Tell the keeper what the judge has not read, what it has read, and whether it may be unable to write. Pages that are
 * full but for a few bytes take no more, but of two neighbours at least one is half full. */
static void answer(int keeper)
{
    char text[64];
    int waiting = bytes_in(to_judge.to);
    bool is_full = bytes_in(to_program.from) * 2 > fcntl(to_program.from, F_GETPIPE_SZ);
    int length = snprintf(text, sizeof text, "unread %d %lld %d", waiting + bytes_in(to_judge.from),
                          to_judge.passed - waiting, is_full);
    send_packet(keeper, text, (size_t)length, NULL, 0);
}

static void take_question(int keeper)
{
    char question;
    ssize_t length = recv(keeper, &question, 1, 0);
    if (length == 0)
        _exit(0); /* the box is not needed any more */
    if (length > 0)
        answer(keeper);
    else if (errno != EINTR)
        fail("recv");
}

void relay(int keeper)
{
    for (;;) {
        if (to_judge.from < 0 && to_judge.to >= 0)
            shut(&to_judge.to);
        if (to_program.from < 0 && to_program.to >= 0 && (judge_process < 0 || !is_ending()))
            shut(&to_program.to);
        struct pollfd ends[] = {
            {.fd = judge_process, .events = POLLIN},
            {.fd = keeper, .events = POLLIN},
            awaited(&to_judge),
            awaited(&to_program),
        };
        if (poll(ends, sizeof ends / sizeof *ends, -1) < 0) {
            if (errno != EINTR)
                fail("poll");
            continue;
        }
        if (ends[0].revents) {
            shut(&judge_process);
            return;
        }
        if (ends[1].revents)
            take_question(keeper);
        if (ends[2].revents)
            pass(&to_judge);
        if (ends[3].revents)
            pass(&to_program);
    }
}
