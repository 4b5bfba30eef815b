#include "zygote.h"
#include "confine.h"
#include "packet.h"
#include "pid1.h"
#include "privileges.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int NAMESPACES = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;

static struct packet packet;

static struct box read_box(const struct confinement *confinement)
{
    struct box box = {.id = (long)next_number(&packet)};
    long user = (long)next_number(&packet);
    box.user = confinement->first_user < 0 ? getuid() : (uid_t)(user + confinement->first_user);
    box.disk_bytes = next_number(&packet);
    box.is_forked = next_number(&packet) > 0;
    box.keeper = packet.descriptors[0];
    box.joins = packet.descriptors + 1;
    box.join_count = packet.count - 1;
    if (box.join_count < 0)
        fail_malformed("box");
    return box;
}

/* Clone process 1 of a box, and set `process` to its pidfd. Returns as fork(2) does.
 *
 * The pidfd comes from clone(2) itself. The kernel reaps our children, so process 1 may be gone before pidfd_open(2)
 * could ask for it; its id may even be another process's by then. */
static long clone_process_one(int *process)
{
    return syscall(SYS_clone, NAMESPACES | CLONE_PIDFD | SIGCHLD, 0, process, 0, 0);
}

static void answer(int keeper, long id, long pid, int process)
{
    char text[256];
    const char *call = pid < 0 ? "clone: " : "", *reason = pid < 0 ? strerror(errno) : "";
    int length = snprintf(text, sizeof text, "%ld%c%ld%c%s%s", id, 0, pid < 0 ? 0 : pid, 0, call, reason) + 1;
    send_packet(keeper, text, (size_t)length, &process, pid >= 0);
    if (pid >= 0)
        close(process);
}

/* Move the keeper's socket from CONTROL, which each child needs for its own socket. */
static int move_keeper(void)
{
    int keeper = fcntl(CONTROL, F_DUPFD_CLOEXEC, CONTROL + 1);
    if (keeper < 0)
        fail("descriptors");
    close(CONTROL);
    on_failure(keeper, "", 1);
    return keeper;
}

/* Read the first packet: the first user's id, the length of the programs' filter, that filter, process 1's filter. */
static void configure(int keeper, struct confinement *confinement)
{
    static char filters[MAX_PACKET];
    char text[16] = "";
    if (!receive_packet(keeper, &packet))
        _exit(0);
    confinement->first_user = (long)next_number(&packet);
    long long program_bytes = next_number(&packet), all_bytes = packet.bytes + packet.length - packet.next;
    if (program_bytes < 0 || program_bytes > all_bytes)
        fail_malformed("filters");
    memcpy(filters, packet.next, (size_t)all_bytes);
    confinement->program_filter = (struct filter){filters, (size_t)program_bytes};
    confinement->process_one_filter = (struct filter){filters + program_bytes, (size_t)(all_bytes - program_bytes)};
    int file = open("/proc/sys/kernel/cap_last_cap", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0)
        fail("cap_last_cap");
    close(file);
    confinement->last_capability = (int)strtol(text, NULL, 10);
    empty_bounding_set(confinement->last_capability);
    limit_capabilities(TO_MAKE_BOXES);
}

/* Answer each request for a box (`box_words` in keeper/words.py) with its id, the pid of process 1 and its pidfd, or with
 * the id, 0 and a reason. */
EXPORTED bool make_boxes(void)
{
    struct confinement confinement;
    int keeper = move_keeper();
    configure(keeper, &confinement);
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps our children; process 1 reaps its own */
    while (receive_packet(keeper, &packet)) {
        struct box box = read_box(&confinement);
        int process = -1;
        long pid = clone_process_one(&process);
        if (pid == 0) {
            close(keeper); /* otherwise the keeper would not see our end while a box lives */
            run_process_one(&box, &confinement);
            return true;
        }
        answer(keeper, box.id, pid, process);
        close_descriptors(&packet);
    }
    return false;
}
