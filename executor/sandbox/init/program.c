/* The last steps of a submitted program before its own first instruction: here every privilege is given up. */

#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    INSIDE_ID = 1000, /* the user that a program sees itself as */
    /* As shells say it (POSIX, Shell Command Language, 2.8.2). */
    NOT_EXECUTABLE = 126,
    NOT_FOUND = 127,
};

static const char READY[] = "r";
/* If memory runs out, the kernel ends programs first, then process 1 of each box, then the keeper, then the executor
 * (proc_pid_oom_score_adj(5)). An unprivileged process may raise this, and lower it again if /proc is writable. */
static const char DIES_FIRST[] = "1000";

static struct packet packet;
static struct step step;

static int read_words(struct packet *from, char **words)
{
    long long count = number(from);
    if (count < 0 || count > MAX_WORDS)
        refuse("words");
    for (long long index = 0; index < count; index++)
        words[index] = (char *)word(from);
    words[count] = NULL;
    return (int)count;
}

static void read_step(struct packet *from)
{
    step.argc = read_words(from, step.argv);
    read_words(from, step.environment);
    step.cpu_s = (unsigned long long)number(from);
    step.processes = (unsigned long long)number(from);
    step.open_files = (unsigned long long)number(from);
    step.file_bytes = (unsigned long long)number(from);
    step.stack_bytes = (unsigned long long)number(from);
    step.stdin_index = (int)number(from);
    step.stdout_index = (int)number(from);
    step.stderr_index = (int)number(from);
    step.has_shortcut = number(from) > 0;
    if (step.has_shortcut) {
        for (int index = 0; index < COMMANDS; index++)
            read_words(from, step.commands[index]);
        read_words(from, step.leaves);
    }
}

/* `descriptors` are those that the step counts on. */
static void connect_streams(const int *descriptors, int count)
{
    const int indices[] = {step.stdin_index, step.stdout_index, step.stderr_index};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        fail("/dev/null");
    /* All of them are above 3: 0, 1 and 2 are open from the start. */
    for (int target = 0; target < 3; target++) {
        int index = indices[target];
        if (index >= count)
            refuse("stream");
        if (put_at(target, index >= 0 ? descriptors[index] : null, 0) < 0)
            fail("dup3");
    }
    close(null);
    for (int index = 0; index < count; index++)
        close(descriptors[index]);
}

static void limit(int kind, unsigned long long value)
{
    struct rlimit both = {value, value};
    if (setrlimit(kind, &both) < 0)
        fail("setrlimit");
}

static void set_limits(void)
{
    limit(RLIMIT_CPU, step.cpu_s);
    limit(RLIMIT_NPROC, step.processes);
    limit(RLIMIT_NOFILE, step.open_files);
    limit(RLIMIT_FSIZE, step.file_bytes);
    limit(RLIMIT_STACK, step.stack_bytes);
    limit(RLIMIT_MEMLOCK, 65536);
    limit(RLIMIT_MSGQUEUE, 65536);
    limit(RLIMIT_SIGPENDING, 256);
    limit(RLIMIT_RTPRIO, 0);
    limit(RLIMIT_NICE, 0);
}

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

_Noreturn void execute(void)
{
    if (step.has_shortcut)
        drive(&step);
    execve(step.argv[0], step.argv, step.environment);
    if (strncmp(step.argv[0], WORK, strlen(WORK)) == 0) {
        /* What a compiler made of the source is no program: its author is told. */
        int code = errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
        dprintf(2, "%s: %s\n", step.argv[0], strerror(errno));
        _exit(code);
    }
    fail(step.argv[0]);
}

/* The step that process 1 sends when the run begins. */
static void wait_for_step(void)
{
    send_packet(CONTROL, READY, 1, NULL, 0);
    if (!receive(CONTROL, &packet))
        _exit(0); /* nobody needs us */
    read_step(&packet);
    connect_streams(packet.descriptors, packet.count);
    set_limits();
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
        read_step(order->packet);
        connect_streams(order->streams, order->stream_count);
    }
    renew_descriptors();
    if (chdir(WORK) < 0)
        fail(WORK);
    umask(022);
    enter_namespaces(order->user);
    close_others(); /* the writable /proc among them */
    if (is_stub)
        set_limits();
    empty_bounding_set(confinement->last_capability); /* in a new user namespace it is full */
    limit_capabilities(NO_CAPABILITY);
    install_filter(&confinement->of_programs);
    if (is_stub)
        execute();
    if (order->kind == FORKED)
        return;
    wait_for_step();
    execute();
}

/* In a process that is FORKED, when it is prepared for any program. */
struct step *await_program(void)
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
