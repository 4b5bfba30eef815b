/* Where boxes come from: a process that forks process 1 of each, and does nothing else.
 *
 * What it forks inherits its memory, so it is told nothing of any run: only that one more box is wanted, of which kind,
 * and with which stub. It is a Python (keeper/nursery.py), so that a program in Python need not start one.
 */

#include "init.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int NAMESPACES = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;

static struct packet packet;

static struct order next_order(void)
{
    struct order order = {.packet = &packet, .id = (long)number(&packet)};
    order.user = (uid_t)number(&packet);
    order.disk_bytes = number(&packet);
    const char *kind = word(&packet);
    order.kind = strcmp(kind, "python") == 0 ? PYTHON : strcmp(kind, "stub") == 0 ? STUB : PLAIN;
    order.join_count = (int)number(&packet);
    order.keeper = packet.descriptors[0];
    order.joins = packet.descriptors + 1;
    order.streams = order.joins + order.join_count;
    order.stream_count = packet.count - 1 - order.join_count;
    if (order.join_count < 0 || order.stream_count < 0)
        refuse("order");
    return order;
}

static void answer(int keeper, long id, long pid)
{
    char text[256];
    int error = errno, process = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid >= 0 && process < 0)
        error = errno;
    const char *reason = process < 0 ? strerror(error) : "";
    int length = snprintf(text, sizeof text, "%ld%c%ld%c%s", id, 0, process < 0 ? 0 : pid, 0, reason) + 1;
    send_packet(keeper, text, (size_t)length, &process, process >= 0);
    if (process >= 0)
        close(process);
}

/* Until the keeper closes its side: then 0. In a Python program's process 1, and `await_stage` comes next.
 * Every order (see `Prepare.order` in keeper/protocol.py) is answered with its id, the id of process 1 and its pidfd
 * (pidfd_open(2)), or with 0 and a reason. */
__attribute__((visibility("default"))) int serve(
    int keeper, const void *filter, size_t filter_bytes, long first_user, int last_capability)
{
    struct confinement confinement = {filter, filter_bytes, first_user, last_capability};
    on_failure(keeper, "", 1);
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
    while (receive(keeper, &packet)) {
        struct order order = next_order();
        if (first_user >= 0)
            order.user += (uid_t)first_user;
        else
            order.user = getuid();
        long pid = syscall(SYS_clone, NAMESPACES | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) {
            close(keeper);
            live(&order, &confinement);
            return 1;
        }
        answer(keeper, order.id, pid);
        close_descriptors(&packet);
    }
    return 0;
}
