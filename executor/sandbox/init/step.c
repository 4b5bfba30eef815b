#include "mounts.h"
#include "packet.h"
#include "process.h"
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    /* The exit statuses of shells (POSIX, Shell Command Language, 2.8.2). */
    NOT_EXECUTABLE = 126,
    NOT_FOUND = 127,
};

int read_words(struct packet *from, char **words)
{
    long long count = next_number(from);
    if (count < 0 || count > MAX_WORDS)
        fail_malformed("words");
    for (long long index = 0; index < count; index++)
        words[index] = (char *)next_word(from);
    words[count] = NULL;
    return (int)count;
}

void read_step(struct packet *from, struct step *step)
{
    step->argc = read_words(from, step->argv);
    read_words(from, step->environment);
    step->cpu_s = (unsigned long long)next_number(from);
    step->processes = (unsigned long long)next_number(from);
    step->open_files = (unsigned long long)next_number(from);
    step->file_bytes = (unsigned long long)next_number(from);
    step->stack_bytes = (unsigned long long)next_number(from);
    step->address_space = (unsigned long long)next_number(from);
    step->stdin_index = (int)next_number(from);
    step->stdout_index = (int)next_number(from);
    step->stderr_index = (int)next_number(from);
    step->has_shortcut = next_number(from) > 0;
    if (step->has_shortcut) {
        for (int index = 0; index < COMMANDS; index++)
            read_words(from, step->commands[index]);
        read_words(from, step->leftovers);
    }
}

void connect_streams(const struct step *step, const int *descriptors, int count)
{
    const int indices[] = {step->stdin_index, step->stdout_index, step->stderr_index};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        fail("/dev/null");
    /* No descriptor is 0, 1 or 2, because these are open from the start. So dup3 never overwrites one. */
    for (int target = 0; target < 3; target++) {
        int index = indices[target];
        if (index >= count)
            fail_dropped();
        if (put_at(target, index >= 0 ? descriptors[index] : null, 0) < 0)
            fail("dup3");
    }
    close(null);
    for (int index = 0; index < count; index++)
        close(descriptors[index]);
}

static void limit(int kind, const char *name, unsigned long long value)
{
    struct rlimit both = {value, value};
    if (setrlimit(kind, &both) < 0)
        fail(name);
}

/* A host may have lower limits of what hardly any program uses. */
static void limit_if_higher(int kind, const char *name, unsigned long long value)
{
    struct rlimit own;
    if (getrlimit(kind, &own) < 0)
        fail(name);
    limit(kind, name, value < own.rlim_max ? value : own.rlim_max);
}

void set_limits(const struct step *step)
{
    limit(RLIMIT_CPU, "RLIMIT_CPU", step->cpu_s);
    limit(RLIMIT_NPROC, "RLIMIT_NPROC", step->processes);
    limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", step->open_files);
    limit(RLIMIT_FSIZE, "RLIMIT_FSIZE", step->file_bytes);
    limit(RLIMIT_STACK, "RLIMIT_STACK", step->stack_bytes);
    if (step->address_space > 0)
        limit(RLIMIT_AS, "RLIMIT_AS", step->address_space);
    limit_if_higher(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", 65536);
    limit_if_higher(RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE", 65536);
    limit_if_higher(RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING", 256);
    limit(RLIMIT_RTPRIO, "RLIMIT_RTPRIO", 0);
    limit(RLIMIT_NICE, "RLIMIT_NICE", 0);
}

_Noreturn void execute(const struct step *step)
{
    execve(step->argv[0], step->argv, step->environment);
    if (strncmp(step->argv[0], WORK, strlen(WORK)) == 0) {
        /* The compiler's output is not a program, so the author of the source gets the error. */
        int code = errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
        dprintf(2, "%s: %s\n", step->argv[0], strerror(errno));
        _exit(code);
    }
    fail(step->argv[0]);
}
