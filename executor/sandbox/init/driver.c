/* What a compiler's driver would start, started without it: GCC's, and what it starts itself, take a sixth of a small
 * program's CPU time.
 *
 * The commands are the driver's own (executor/driver.py asks it for them): a compiler whose output an assembler reads,
 * and a linker after them. Where one of them finds an error, it has told of it, and ends with 1. For whatever else may
 * happen to them the driver is run after all, since it knows what to say.
 */

#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMPILER, ASSEMBLER, LINKER };
enum { ERROR_FOUND = 1 };

/* A command that reads `input` and writes to `output`; -1 where it cannot be started. */
static pid_t spawn(const struct stage *stage, int command, int input, int output)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    char *const *argv = stage->commands[command];
    int error = posix_spawn(&child, argv[0], &actions, NULL, argv, stage->environment);
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
static int run(const struct stage *stage)
{
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) < 0)
        return -1;
    pid_t compiler = spawn(stage, COMPILER, 0, pipe[1]), assembler = spawn(stage, ASSEMBLER, pipe[0], 1);
    close(pipe[0]);
    close(pipe[1]);
    int compiled = ended(compiler), assembled = ended(assembler);
    if (compiled == ERROR_FOUND && assembled >= 0)
        return ERROR_FOUND;
    /* A compiler whose assembler has given up may have nobody to write to. */
    if (assembled == ERROR_FOUND && (compiled == 0 || compiled == -SIGPIPE))
        return ERROR_FOUND;
    if (compiled != 0 || assembled != 0)
        return -1;
    int linked = ended(spawn(stage, LINKER, 0, 1));
    if (linked == ERROR_FOUND)
        dprintf(2, "collect2: error: ld returned %d exit status\n", linked); /* as that one says it */
    return linked == 0 || linked == ERROR_FOUND ? linked : -1;
}

void drive(const struct stage *stage)
{
    int status = run(stage);
    for (char *const *left = stage->leaves; *left; left++)
        unlink(*left);
    if (status >= 0)
        _exit(status);
}
