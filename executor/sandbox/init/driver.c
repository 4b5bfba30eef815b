/* What a compiler's driver would start, started without it: GCC's, and what it starts itself, take a sixth of a small
 * program's CPU time.
 *
 * The commands are the driver's own (executor/driver.py asks it for them): a compiler whose output an assembler reads,
 * and a linker after them. What they say is held back until all have succeeded. Where one has not, the driver is run
 * after all, for what it has to say; but a compiler that ends with 1 has found errors in the source, and then the driver
 * would add nothing.
 */

#include "init.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ERRORS_FOUND = 1, FAILED = -1 };

/* A command that reads `input` and writes to `output`; what it says goes to `said`. -1 where it cannot be started. */
static pid_t spawn(const struct stage *stage, int command, int input, int output, int said)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, said, 2);
    char *const *argv = stage->commands[command];
    int error = posix_spawn(&child, argv[0], &actions, NULL, argv, stage->environment);
    posix_spawn_file_actions_destroy(&actions);
    return error ? -1 : child;
}

static int exit_status(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return FAILED;
    return WEXITSTATUS(status);
}

static int run(const struct stage *stage, int said)
{
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) < 0)
        return FAILED;
    pid_t compiler = spawn(stage, 0, 0, pipe[1], said);
    pid_t assembler = spawn(stage, 1, pipe[0], said, said);
    close(pipe[0]);
    close(pipe[1]);
    int compiled = exit_status(compiler), assembled = exit_status(assembler);
    if (compiled != 0)
        return compiled == ERRORS_FOUND ? ERRORS_FOUND : FAILED;
    if (assembled != 0)
        return FAILED;
    return exit_status(spawn(stage, 2, 0, said, said)) == 0 ? 0 : FAILED;
}

static void repeat(int said)
{
    off_t offset = 0;
    while (sendfile(2, said, &offset, 1 << 20) > 0)
        ;
}

void drive(const struct stage *stage)
{
    int said = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    if (said < 0)
        return;
    int status = run(stage, said);
    for (char *const *left = stage->leaves; *left; left++)
        unlink(*left);
    if (status != FAILED) {
        repeat(said);
        _exit(status);
    }
    close(said);
}
