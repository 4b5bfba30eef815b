/* What a compiler's driver would start, started without it: GCC's, and what it starts itself, take a sixth of a small
 * program's CPU time.
 *
 * The commands are the driver's own (executor/gcc_driver.py asks it for them): a compiler whose output an assembler reads,
 * and a linker after them. Where one of them finds an error, it has told of it, and ends with 1. For whatever else may
 * happen to them the driver is run after all, since it knows what to say.
 */

#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMPILER, ASSEMBLER, LINKER };
enum { ERROR_FOUND = 1 };

/* A command that reads `input` and writes to `output`; -1 where it cannot be started. */
static pid_t spawn(const struct step *step, int command, int input, int output)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    char *const *argv = step->commands[command];
    int error = posix_spawn(&child, argv[0], &actions, NULL, argv, step->environment);
    posix_spawn_file_actions_destroy(&actions);
    return error ? -1 : child;
}

/* Its exit status; the negative of a signal; -SIGKILL too where there is no child. */
static int ended(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -SIGKILL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The driver's exit status, or -1 where it has to be asked. */
static int conclude(const struct step *step, int compiled, int assembled)
{
    if (compiled == ERROR_FOUND && assembled >= 0)
        return ERROR_FOUND;
    /* A compiler whose assembler has given up may have nobody to write to. */
    if (assembled == ERROR_FOUND && (compiled == 0 || compiled == -SIGPIPE))
        return ERROR_FOUND;
    if (compiled != 0 || assembled != 0)
        return -1;
    int linked = ended(spawn(step, LINKER, 0, 1));
    if (linked == ERROR_FOUND)
        dprintf(2, "collect2: error: ld returned %d exit status\n", linked); /* as that one says it */
    return linked == 0 || linked == ERROR_FOUND ? linked : -1;
}

static void leave(const struct step *step, int status)
{
    for (char *const *left = step->leaves; *left; left++)
        unlink(*left);
    if (status >= 0)
        _exit(status);
}

void drive(const struct step *step)
{
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) < 0)
        return;
    pid_t compiler = spawn(step, COMPILER, 0, pipe[1]), assembler = spawn(step, ASSEMBLER, pipe[0], 1);
    close(pipe[0]);
    close(pipe[1]);
    int compiled = ended(compiler);
    leave(step, conclude(step, compiled, ended(assembler)));
}

static struct step *compiling;
static pid_t its_assembler;
static int its_output; /* before the assembler's was in its place */

static void after_compilation(int compiled)
{
    if (put_at(1, its_output, 0) >= 0) /* and the assembler reads the end */
        leave(compiling, conclude(compiling, compiled, ended(its_assembler)));
    compiling->has_shortcut = false;
    execute();
}

static void at_exit(int status, void *nothing)
{
    (void)nothing;
    fflush(NULL);
    after_compilation(status);
}

/* It has nobody to write to, or has come to the end of its stack. */
static void on_signal(int number)
{
    reset_signals();
    after_compilation(-number);
}

void drive_from_here(struct step *step)
{
    static char stack[1 << 16];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    int pipe[2];
    compiling = step;
    its_output = fcntl(1, F_DUPFD_CLOEXEC, CONTROL);
    if (its_output < 0 || pipe2(pipe, O_CLOEXEC) < 0)
        fail("descriptors");
    its_assembler = spawn(step, ASSEMBLER, pipe[0], 1);
    if (put_at(1, pipe[1], 0) < 0 || on_exit(at_exit, NULL) != 0 || sigaltstack(&alternate, NULL) < 0)
        fail("compiler");
    close(pipe[0]);
    close(pipe[1]);
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
}
