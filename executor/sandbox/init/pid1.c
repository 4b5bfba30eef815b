#include "collect.h"
#include "confine.h"
#include "mounts.h"
#include "packet.h"
#include "pid1.h"
#include "privileges.h"
#include "process.h"
#include "relay.h"
#include "step.h"
#include "threads.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* If memory runs out, process 1 ends after programs (`DIES_FIRST` in confine.c) and before the keeper, even if it is a
 * copy of a large runtime. */
static const char DIES_SECOND[] = "950";

/* A process that has given up every privilege and waits for its step. */
struct child {
    pid_t pid;
    int control;
};

/* The run, as the keeper sends it (`run_words` in keeper/words.py). */
static struct packet packet;
static struct file files[MAX_FILES];
static char *fetched[MAX_WORDS + 1];

/* The keeper sends this signal in place of SIGKILL, which would end process 1 instead of the program. */
enum { SENDS_KILL = 64 };

static double cpu_of_children(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void send_text(int keeper, const char *text)
{
    send_packet(keeper, text, strlen(text), NULL, 0);
}

/* Fail with the child's message, or with our own if it ended without one. */
static _Noreturn void fail_to_start(const char *message, ssize_t length)
{
    char text[1024];
    if (length <= 1 || message[0] != '!')
        fail_with("a program ended before it began");
    snprintf(text, sizeof text, "%.*s", (int)length - 1, message + 1);
    fail_with(text);
}

/* Keep or take the signals that arrive. The kernel drops one that process 1 has no handler for, but keeps one that it
 * blocks. So a signal is not lost that the program's user sends before we forward. */
static void hold_signals(bool hold)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &all, NULL);
}

/* Fork the step's process and wait until it is ready. Return true only in the child of a forked box. */
static bool start_child(const struct box *box, const struct confinement *confinement, struct child *child)
{
    int pair[2];
    char message[1024];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        fail("socketpair");
    /* A step may be as long as the packet that it comes in, and the host's own buffers may be smaller. A buffer that
       suffices is kept, because setting it makes it smaller where wmem_max is below wmem_default. */
    int bytes;
    if (getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, &(socklen_t){sizeof bytes}) < 0)
        fail("SO_SNDBUF");
    if (bytes < SEND_BUFFER && setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER}, sizeof(int)) < 0)
        fail("SO_SNDBUF");
    child->control = pair[0];
    child->pid = fork_with_threads();
    if (child->pid < 0)
        fail("fork");
    if (child->pid == 0) {
        become_program(box, confinement, pair[1]);
        return true;
    }
    close(pair[1]);
    for (int index = 0; index < box->join_count; index++)
        close(box->joins[index]);
    ssize_t length = recv(child->control, message, sizeof message, 0);
    if (length != 1 || message[0] != 'r')
        fail_to_start(message, length);
    return false;
}

/* Send the child the step's words, which are the rest of the packet. */
static void send_step(const struct child *child)
{
    size_t bytes = (size_t)(packet.bytes + packet.length - packet.next);
    send_packet(child->control, packet.next, bytes, packet.descriptors, packet.count);
}

/* `fail` if the child has sent why it did not become its program. Called when it is dead. */
static void check_start(const struct child *child)
{
    char message[1024];
    ssize_t length = recv(child->control, message, sizeof message, 0);
    if (length > 0)
        fail_to_start(message, length);
    close(child->control);
}

/* The program that gets the signals of the keeper, or 0. */
static volatile sig_atomic_t signalled;

static void forward(int number)
{
    int error = errno;
    if (signalled > 0)
        kill((pid_t)signalled, number == SENDS_KILL ? SIGKILL : number);
    errno = error;
}

/* Forward the keeper's signals to the program `child`, or ignore them again if `child` is 0. Process 1 gets only signals
 * for which it has a handler. It does not forward the signals of its own faults. */
static void forward_signals(pid_t child)
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    signalled = child;
    action.sa_handler = child > 0 ? forward : SIG_DFL;
    sigfillset(&action.sa_mask);
    for (int number = 1; number <= SENDS_KILL; number++)
        switch (number) {
        case SIGKILL: case SIGSTOP: case SIGCHLD: case SIGSEGV: case SIGBUS: case SIGILL: case SIGFPE: case SIGSYS:
            break;
        default:
            sigaction(number, &action, NULL); /* fails for those of the C library */
        }
}

/* Return the child's wait status. Set `resident` to the largest resident size in bytes, its own or a child's. */
static int wait_for(pid_t child, long long *resident)
{
    struct rusage usage;
    int status;
    pid_t ended;
    do {
        ended = wait4(-1, &status, 0, &usage);
        if (ended < 0 && errno != EINTR)
            fail("wait4"); /* else it would be asked again without end */
    } while (ended != child);
    *resident = (long long)usage.ru_maxrss * 1024;
    return status;
}

/* Kill and reap the processes that the step left. They are our children, because their parents have ended. kill(2) is
 * called only if there are any: to signal a whole namespace, the kernel looks at every process of the machine. */
static void kill_remaining(void)
{
    while (wait4(-1, NULL, WNOHANG | __WALL, NULL) >= 0 || errno != ECHILD) {
        kill(-1, SIGKILL);
        wait4(-1, NULL, __WALL, NULL);
    }
}

static void close_descriptor(int index)
{
    close(packet.descriptors[index]);
    packet.descriptors[index] = -1;
}

/* Close the ends of pipes that the child alone may hold: its standard input, and of a judge also its standard output.
 * What a program writes ends for its judge only when we close our end of it. */
static void give_ends(int first, bool relays, pid_t child)
{
    close_descriptor(first + JUDGE_STDIN);
    if (relays) {
        close_descriptor(first + JUDGE_STDOUT);
        begin_relay(packet.descriptors + first, child);
    }
}

static struct file read_file(int contents, off_t offset)
{
    const char *name = next_word(&packet);
    off_t size = (off_t)next_number(&packet);
    mode_t mode = (mode_t)next_number(&packet);
    return (struct file){name, contents, offset, size, mode};
}

/* Read the work folder's files into `files`, and return their number. `contents` becomes the index of their descriptor. */
static int read_files(int *contents)
{
    int count = (int)next_number(&packet);
    *contents = (int)next_number(&packet);
    int descriptor = descriptor_at(&packet, *contents);
    off_t offset = 0;
    if (count < 0 || count > MAX_FILES)
        fail_malformed("files");
    for (int index = 0; index < count; index++) {
        files[index] = read_file(descriptor, offset);
        offset += files[index].size;
    }
    return count;
}

static void run(const struct box *box, const struct child *child)
{
    int contents, count = read_files(&contents), keeper = box->keeper;
    long long resident;
    char text[256];
    read_words(&packet, fetched);
    int out = descriptor_at(&packet, (int)next_number(&packet));
    struct wanted wanted = {.paths = fetched, .max_files = (int)next_number(&packet)};
    wanted.max_bytes = next_number(&packet);
    wanted.folder = next_word(&packet);
    write_work_folder(files, count, wanted.folder, box->user);
    bool forwards = next_number(&packet) > 0;
    int ends = (int)next_number(&packet);
    bool relays = next_number(&packet) > 0;
    if (forwards)
        hold_signals(true);
    double began_at = read_clock(CLOCK_MONOTONIC);
    send_step(child);
    if (contents >= 0)
        close_descriptor(contents); /* so that they are not in memory twice while the program runs */
    if (forwards) {
        forward_signals(child->pid);
        hold_signals(false);
    }
    if (ends >= 0)
        give_ends(ends, relays, child->pid);
    if (relays)
        relay(keeper);
    int status = wait_for(child->pid, &resident);
    double ended_at = read_clock(CLOCK_MONOTONIC);
    if (forwards)
        forward_signals(0);
    kill_remaining();
    check_start(child);
    if (out >= 0)
        send_files(box->user, &wanted, out);
    snprintf(text, sizeof text, "step %d %.6f %.6f %lld %.6f",
             WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), cpu_of_children(), ended_at - began_at,
             resident, ended_at);
    send_text(keeper, text);
    if (relays)
        relay(keeper);
    close_descriptors(&packet);
}

void run_process_one(const struct box *box, const struct confinement *confinement)
{
    struct child child;
    on_failure(box->keeper, "failure ", 0);
    signal(SIGCHLD, SIG_DFL);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        fail("dumpable");
    make_world(box->disk_bytes, box->user);
    write_to_proc("self/oom_score_adj", DIES_SECOND);
    limit_capabilities(TO_START_PROGRAM);
    if (start_child(box, confinement, &child))
        return;
    limit_capabilities(TO_RUN_BOX);
    install_filter(&confinement->process_one_filter);
    reset_signals(); /* the runtime's handlers must not run here */
    send_text(box->keeper, "ready");
    if (receive_packet(box->keeper, &packet)) {
        run(box, &child);
        /* Wait until the keeper has passed the report on and closed its socket. Ending takes as long as that, and must
         * not delay it. */
        while (receive_packet(box->keeper, &packet))
            ;
    }
    _exit(0);
}
