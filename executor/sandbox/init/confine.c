#include "confine.h"
#include "descriptors.h"
#include "driver.h"
#include "mounts.h"
#include "packet.h"
#include "privileges.h"
#include "process.h"
#include "step.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INSIDE_ID = 1000 }; /* a program's user id in its own user namespace */

static const char READY[] = "r";
/* If memory runs out, the kernel ends programs first, then process 1 of each box, then the keeper, then the executor
 * (proc_pid_oom_score_adj(5)). A process needs no privilege to raise its value. If /proc is writable, it can lower it
 * again (`mount_proc` in mounts.c). */
static const char DIES_FIRST[] = "1000";

static struct packet packet;
static struct step step;

static void enter_namespaces(uid_t user)
{
    char map[64];
    if (user != 0 && (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0))
        fail("setresuid");
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) /* otherwise the files of /proc/self would belong to root */
        fail("dumpable");
    /* The root of the cgroup namespace is the cgroup that this process has just joined. */
    if (unshare(CLONE_NEWUSER | CLONE_NEWCGROUP) < 0)
        fail("user and cgroup namespaces");
    snprintf(map, sizeof map, "%d %u 1", INSIDE_ID, user);
    write_to_proc("self/setgroups", "deny");
    write_to_proc("self/uid_map", map);
    write_to_proc("self/gid_map", map);
}

static void wait_for_step(void)
{
    send_packet(CONTROL, READY, 1, NULL, 0);
    if (!receive_packet(CONTROL, &packet))
        _exit(0); /* the box is not needed */
    read_step(&packet, &step);
    connect_streams(&step, packet.descriptors, packet.count);
    set_limits(&step);
}

/* The order matters. Joining the cgroup needs the privileges that are dropped next. The limits are set inside the user
 * namespace, whose count of processes starts at zero. The filter comes last, because it forbids what the rest needs. */
void become_program(const struct box *box, const struct confinement *confinement, int control)
{
    on_failure(CONTROL, "!", 1);
    if (put_at(CONTROL, control, O_CLOEXEC) < 0)
        fail("dup3");
    for (int index = 0; index < box->join_count; index++)
        if (write(box->joins[index], "0", 1) < 0)
            fail("cgroup");
    write_to_proc("self/oom_score_adj", DIES_FIRST);
    if (setsid() < 0)
        fail("setsid");
    replace_descriptors();
    if (chdir(WORK) < 0)
        fail(WORK);
    umask(022);
    enter_namespaces(box->user);
    close_other_descriptors(); /* among them the writable /proc */
    empty_bounding_set(confinement->last_capability); /* in a new user namespace the set is full */
    limit_capabilities(NO_CAPABILITY);
    install_filter(&confinement->program_filter);
    if (box->is_forked)
        return;
    wait_for_step();
    run_step(&step);
}

/* Give threads a stack of the size that the C library chooses when a program starts: the limit of the first one's. */
static void size_stacks_of_threads(size_t bytes)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, bytes) == 0) /* it fails if that is too small for any thread */
        pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}

EXPORTED size_t await_step(const char **arguments)
{
    wait_for_step();
    close(CONTROL);
    size_stacks_of_threads(step.stack_bytes);
    *arguments = step.argv[0];
    const char *last = step.argv[step.argc - 1];
    return (size_t)(last - step.argv[0]) + strlen(last) + 1;
}
