#include "driver.h"
#include "step.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMPILER, ASSEMBLER, LINKER };
enum { ERROR_FOUND = 1 };

/* Start a command that reads `input` and writes to `output`; return -1 if that fails. */
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

/* Return the exit status, or the negated signal number; -SIGKILL if there is no child. */
static int wait_for(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -SIGKILL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Link if both succeeded. Return the exit status that the driver would have, or -1 if the driver must run. */
static int finish_build(const struct step *step, int compiler_status, int assembler_status)
{
    if (compiler_status == ERROR_FOUND && assembler_status >= 0)
        return ERROR_FOUND;
    /* SIGPIPE: the assembler ended while the compiler was still writing. */
    if (assembler_status == ERROR_FOUND && (compiler_status == 0 || compiler_status == -SIGPIPE))
        return ERROR_FOUND;
    if (compiler_status != 0 || assembler_status != 0)
        return -1;
    int linker_status = wait_for(spawn(step, LINKER, 0, 1));
    if (linker_status == ERROR_FOUND)
        dprintf(2, "collect2: error: ld returned %d exit status\n", linker_status); /* as collect2 reports it */
    return linker_status == 0 || linker_status == ERROR_FOUND ? linker_status : -1;
}

/* Run the three commands, remove what they left over, and exit. Return if the driver must run instead. */
static void run_commands(const struct step *step)
{
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) < 0)
        return;
    pid_t compiler = spawn(step, COMPILER, 0, pipe[1]), assembler = spawn(step, ASSEMBLER, pipe[0], 1);
    close(pipe[0]);
    close(pipe[1]);
    int compiler_status = wait_for(compiler), status = finish_build(step, compiler_status, wait_for(assembler));
    for (char *const *path = step->leftovers; *path; path++)
        unlink(*path);
    if (status >= 0)
        _exit(status);
}

_Noreturn void run_step(const struct step *step)
{
    if (step->has_shortcut)
        run_commands(step);
    execute(step);
}
