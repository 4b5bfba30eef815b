/* Process 1 of a box: makes the box, waits until it begins, starts the steps one after the other, reaps whatever ends,
 * and tells the keeper.
 *
 * It shares a pid namespace with hostile code and keeps a few privileges, but nothing in the box can reach it: it belongs
 * to the parent user namespace, is not dumpable (so no /proc/1/mem, no tracing), and the kernel delivers to the first
 * process of a namespace no signal for which it has no handler.
 */

#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Process 1 ends after programs (`DIES_FIRST` in program.c), even if it copies a large runtime, but before the keeper. */
static const char DIES_SECOND[] = "950";

/* A child that has given up everything and waits for its step. */
struct waiting {
    pid_t pid;
    int control;
    bool is_stub;
};

/* The order to begin, as it comes from the keeper (`run_words` in keeper/protocol.py). */
static struct packet packet;
static struct packet further;

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double cpu_of_children(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void tell(int keeper, const char *text)
{
    send_packet(keeper, text, strlen(text), NULL, 0);
}

/* What a program that could not begin has said of it, or that it has gone: `fail` with that. */
_Noreturn static void give_up(const char *said, ssize_t length)
{
    char what[1024];
    errno = ECANCELED;
    if (length > 1 && said[0] == '!')
        snprintf(what, sizeof what, "%.*s", (int)length - 1, said + 1);
    else
        snprintf(what, sizeof what, "a program ended before it began");
    fail(what);
}

/* True in a process that is FORKED, which is on its way out of here. */
static bool start(const struct order *order, const struct confinement *confinement, struct waiting *child)
{
    int pair[2];
    char said[1024];
    /* A stub reads a line, and in pieces if it likes. */
    int kind = order->kind == STUB ? SOCK_STREAM : SOCK_SEQPACKET;
    if (socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, pair) < 0)
        fail("socketpair");
    child->control = pair[0];
    child->is_stub = order->kind == STUB;
    child->pid = fork_with_threads();
    if (child->pid < 0)
        fail("fork");
    if (child->pid == 0) {
        become(order, confinement, pair[1]);
        return true;
    }
    close(pair[1]);
    for (int index = 0; index < order->join_count + order->stream_count; index++)
        close(order->joins[index]);
    ssize_t length = recv(child->control, said, sizeof said, 0);
    if (length != 1 || said[0] != 'r')
        give_up(said, length);
    return false;
}

/* The words of a step are passed on as they are; a stub is told its own in a line that it reads. */
static void begin(const struct waiting *child, struct packet *from)
{
    const char *line = word(from);
    long long bytes = number(from);
    if (bytes < 0 || from->next + bytes > from->bytes + from->length)
        refuse("step");
    if (child->is_stub)
        send_packet(child->control, line, strlen(line), NULL, 0);
    else
        send_packet(child->control, from->next, (size_t)bytes, from->descriptors, from->count);
    from->next += bytes;
}

/* When all processes are dead: `fail` if this one had not become its program before. */
static void check(const struct waiting *child)
{
    char said[1024];
    ssize_t length = child->is_stub ? 0 : recv(child->control, said, sizeof said, 0);
    if (length > 0)
        give_up(said, length);
    close(child->control);
}

/* The child's wait status, and the largest resident size in bytes that it or one of its children had. */
static int wait_for(pid_t child, long long *resident)
{
    struct rusage usage;
    int status;
    while (wait4(-1, &status, 0, &usage) != child)
        ;
    *resident = (long long)usage.ru_maxrss * 1024;
    return status;
}

/* Kill and reap what the step left behind, if there is anything: a process that loses its parent becomes our child. The
 * kernel signals all of the namespace but us in one go, and for that looks at every process of the machine. */
static void end_the_rest(void)
{
    while (wait4(-1, NULL, WNOHANG | __WALL, NULL) >= 0 || errno != ECHILD) {
        kill(-1, SIGKILL);
        wait4(-1, NULL, __WALL, NULL);
    }
}

static void report(int keeper, int step, int exit_code, double cpu_s, double wall_s, long long resident)
{
    char text[256];
    snprintf(text, sizeof text, "step %d %d %.6f %.6f %lld", step, exit_code, cpu_s, wall_s, resident);
    tell(keeper, text);
}

/* A further step's process joins its cgroup by the descriptors that come for it. */
static void start_further(const struct order *order, const struct confinement *confinement, struct waiting *child)
{
    struct order next = *order;
    if (!receive(order->keeper, &further))
        _exit(0);
    if (number(&further) != further.count)
        refuse("joins");
    next.kind = PLAIN;
    next.joins = further.descriptors;
    next.join_count = further.count;
    next.stream_count = 0;
    start(&next, confinement, child);
}

static void run(const struct order *order, const struct confinement *confinement, struct waiting *child)
{
    struct file files[MAX_DESCRIPTORS];
    int count = (int)number(&packet), keeper = order->keeper;
    if (count < 0 || count > MAX_DESCRIPTORS)
        refuse("files");
    for (int index = 0; index < count; index++) {
        struct file *file = &files[index];
        file->name = word(&packet);
        file->content = descriptor(&packet, (int)number(&packet));
        file->mode = (mode_t)number(&packet);
    }
    furnish(files, count, order->user);
    int collect = (int)number(&packet);
    long long collect_bytes = number(&packet);
    int steps = (int)number(&packet);
    for (int step = 0; step < steps; step++) {
        long long resident;
        if (step > 0)
            start_further(order, confinement, child);
        double started = now(), before = cpu_of_children();
        begin(child, &packet);
        int status = wait_for(child->pid, &resident);
        double wall_s = now() - started;
        end_the_rest();
        check(child);
        int exit_code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
        double cpu_s = cpu_of_children() - before;
        if (step == 0 && exit_code == 0 && collect >= 0)
            hand_out_artefacts(files, count, collect_bytes, descriptor(&packet, collect));
        report(keeper, step, exit_code, cpu_s, wall_s, resident);
        if (exit_code != 0)
            break;
    }
}

void live(const struct order *order, const struct confinement *confinement)
{
    struct waiting child;
    on_failure(order->keeper, "failure ", 0);
    signal(SIGCHLD, SIG_DFL);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        fail("dumpable");
    build_world(order->disk_bytes, order->user);
    write_to_proc("self/oom_score_adj", DIES_SECOND);
    limit_capabilities(TO_LIVE);
    if (start(order, confinement, &child))
        return;
    install_filter(&confinement->of_process_one); /* processes that are forked later have it in addition to their own */
    reset_signals(); /* the handlers of a runtime are none of ours */
    tell(order->keeper, "ready");
    if (receive(order->keeper, &packet)) {
        run(order, confinement, &child);
        /* We end when all have been told, as that takes as long as telling them. What is for a step that there was no
         * more need of comes first. */
        while (receive(order->keeper, &packet))
            close_descriptors(&packet);
    }
    _exit(0);
}
