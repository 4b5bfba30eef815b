#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int failure_socket = -1, failure_status = 1;
static const char *failure_prefix = "";

void on_failure(int socket, const char *prefix, int status)
{
    failure_socket = socket;
    failure_prefix = prefix;
    failure_status = status;
}

_Noreturn void fail(const char *what)
{
    char message[1024];
    snprintf(message, sizeof message, "%s: %s", what, strerror(errno));
    fail_with(message);
}

_Noreturn void fail_with(const char *message)
{
    char text[1100];
    int length = snprintf(text, sizeof text, "%s%s", failure_prefix, message);
    if ((size_t)length >= sizeof text)
        length = sizeof text - 1;
    /* An error is ignored: a receiver that does not get the text sees the socket close. */
    send(failure_socket, text, (size_t)length, MSG_NOSIGNAL);
    _exit(failure_status);
}

_Noreturn void fail_malformed(const char *what)
{
    errno = EBADMSG;
    fail(what);
}

_Noreturn void fail_unsupported(const char *what)
{
    errno = ENOTSUP;
    fail(what);
}

int put_at(int number, int descriptor, int flags)
{
    return dup3(descriptor, number, flags);
}

double read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number <= SIGRTMAX; number++)
        signal(number, SIG_DFL); /* fails for SIGKILL, SIGSTOP and two that the C library keeps */
}
