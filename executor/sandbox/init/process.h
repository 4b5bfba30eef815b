/* What every process here needs. */
#pragma once

#include <time.h>

enum { CONTROL = 3 }; /* a child's end of its socket to process 1, until its program starts */

/* Marks a function that is called by the runtime that loads this library. */
#define EXPORTED __attribute__((visibility("default")))

/* Set what `fail` does. It sends `prefix`, what failed and the reason to `socket`, and exits with `status`. `fail_with`
 * does the same with a whole message. */
void on_failure(int socket, const char *prefix, int status);
_Noreturn void fail(const char *what); /* the reason is errno */
_Noreturn void fail_with(const char *message);
_Noreturn void fail_malformed(const char *what);
_Noreturn void fail_unsupported(const char *what);

/* Duplicate `descriptor` to `number` and return the result of dup3(2). No caller may be in the same file as this: GCC's
 * analyzer looks into one file at a time, and would report the descriptor that dup3 returns as leaked. */
int put_at(int number, int descriptor, int flags);

/* Return the seconds of a clock (clock_gettime(2)). */
double read_clock(clockid_t clock);

/* Reset every signal to its default action and unblock it. */
void reset_signals(void);
