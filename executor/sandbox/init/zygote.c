/* Where boxes come from: a process that forks process 1 of each, and does nothing else.
 *
 * What it forks inherits its memory, so it is told nothing of any run: only that one more box is wanted, of which kind,
 * and with which stub. Some are runtimes and compilers (keeper/zygote.py, node.c, gcc.c), so that a program in their language
 * need not start one; the other (main.c) has nothing in its memory that would have to be copied.
 */

#include "init.h"

#include <errno.h>
#include <fcntl.h>
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
    order.kind = strcmp(kind, "forked") == 0 ? FORKED : strcmp(kind, "stub") == 0 ? STUB : PLAIN;
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

/* It comes as a program's control, which will be in its place. */
static int take_keeper(void)
{
    int keeper = fcntl(CONTROL, F_DUPFD_CLOEXEC, CONTROL + 1);
    if (keeper < 0)
        fail("descriptors");
    close(CONTROL);
    on_failure(keeper, "", 1);
    return keeper;
}

/* Read the first packet: the first user's id, the length of the programs' filter, this filter and process 1's. */
static void configure(int keeper, struct confinement *confinement)
{
    static char filters[MAX_PACKET];
    char text[16] = "";
    if (!receive(keeper, &packet))
        _exit(0);
    confinement->first_user = (long)number(&packet);
    long long of_programs = number(&packet), together = packet.bytes + packet.length - packet.next;
    if (of_programs < 0 || of_programs > together)
        refuse("filters");
    memcpy(filters, packet.next, (size_t)together);
    confinement->of_programs = (struct filter){filters, (size_t)of_programs};
    confinement->of_process_one = (struct filter){filters + of_programs, (size_t)(together - of_programs)};
    int file = open("/proc/sys/kernel/cap_last_cap", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0)
        fail("cap_last_cap");
    close(file);
    confinement->last_capability = (int)strtol(text, NULL, 10);
    empty_bounding_set(confinement->last_capability);
    limit_capabilities(TO_MAKE_BOXES);
}

void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number <= SIGRTMAX; number++)
        signal(number, SIG_DFL); /* of some that is refused, which is well */
}

/* Every order (`Prepare.words` in keeper/protocol.py) is answered with its id, the id of process 1 and its pidfd
 * (pidfd_open(2)), or with 0 and a reason. */
bool take_orders(void)
{
    struct confinement confinement;
    int keeper = take_keeper();
    configure(keeper, &confinement);
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps; process 1 does it itself */
    while (receive(keeper, &packet)) {
        struct order order = next_order();
        order.user = confinement.first_user < 0 ? getuid() : order.user + (uid_t)confinement.first_user;
        long pid = syscall(SYS_clone, NAMESPACES | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) {
            close(keeper); /* or the keeper would not be told of our end while a box lives */
            live(&order, &confinement);
            return true;
        }
        answer(keeper, order.id, pid);
        close_descriptors(&packet);
    }
    return false;
}

EXPORTED bool serve(void)
{
    reset_signals(); /* we may have been started with what somebody ignores for reasons of their own */
    return take_orders();
}
