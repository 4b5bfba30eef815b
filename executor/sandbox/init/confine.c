/* The last steps of a submitted program before its own first instruction: here every privilege is given up. */

#include "confine.h"
#include "descriptors.h"
#include "driver.h"
#include "packet.h"
#include "privileges.h"
#include "process.h"
#include "step.h"
#include "world.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INSIDE_ID = 1000 }; /* the user that a program sees itself as */

static const char READY[] = "r";
/* If memory runs out, the kernel ends programs first, then process 1 of each box, then the keeper, then the executor
 * (proc_pid_oom_score_adj(5)). An unprivileged process may raise this, and lower it again if /proc is writable. */
static const char DIES_FIRST[] = "1000";

static struct packet packet;
static struct step step;

static void enter_namespaces(uid_t user)
{
    char map[64];
    if (user != 0 && (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0))
        fail("setresuid");
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) /* else the files of /proc/self would belong to root */
        fail("dumpable");
    /* The root of the cgroup namespace is the group that this process has just joined. */
    if (unshare(CLONE_NEWUSER | CLONE_NEWCGROUP) < 0)
        fail("user and cgroup namespaces");
    snprintf(map, sizeof map, "%d %u 1", INSIDE_ID, user);
    write_to_proc("self/setgroups", "deny");
    write_to_proc("self/uid_map", map);
    write_to_proc("self/gid_map", map);
}

/* The step that process 1 sends when the run begins. */
static void wait_for_step(void)
{
    send_packet(CONTROL, READY, 1, NULL, 0);
    if (!receive(CONTROL, &packet))
        _exit(0); /* nobody needs us */
    read_step(&packet, &step);
    connect_streams(&step, packet.descriptors, packet.count);
    set_limits(&step);
}

/* The order matters: the cgroup is joined with the privileges that are dropped next; limits are set inside the user
 * namespace, whose count of processes starts at nought; the filter comes last, as it forbids what the rest needs. */
void become(const struct order *order, const struct confinement *confinement, int control)
{
    bool is_stub = order->kind == STUB;
    on_failure(CONTROL, "!", 1);
    if (put_at(CONTROL, control, is_stub ? 0 : O_CLOEXEC) < 0)
        fail("dup3");
    for (int index = 0; index < order->join_count; index++)
        if (write(order->joins[index], "0", 1) < 0)
            fail("cgroup");
    write_to_proc("self/oom_score_adj", DIES_FIRST);
    if (setsid() < 0)
        fail("setsid");
    if (is_stub) {
        read_step(order->packet, &step);
        connect_streams(&step, order->streams, order->stream_count);
    }
    renew_descriptors();
    if (chdir(WORK) < 0)
        fail(WORK);
    umask(022);
    enter_namespaces(order->user);
    close_others(); /* the writable /proc among them */
    if (is_stub)
        set_limits(&step);
    empty_bounding_set(confinement->last_capability); /* in a new user namespace it is full */
    limit_capabilities(NO_CAPABILITY);
    install_filter(&confinement->of_programs);
    if (is_stub)
        run_step(&step);
    if (order->kind == FORKED)
        return;
    wait_for_step();
    run_step(&step);
}

/* In a process that is FORKED, when it is prepared for any program. */
const struct step *await_program(void)
{
    wait_for_step();
    return &step;
}

/* `arguments` are those of its command, each ended by a NUL; returns how many bytes they are. */
EXPORTED size_t await_step(const char **arguments)
{
    wait_for_step();
    close(CONTROL);
    *arguments = step.argv[0];
    const char *last = step.argv[step.argc - 1];
    return (size_t)(last - step.argv[0]) + strlen(last) + 1;
}
