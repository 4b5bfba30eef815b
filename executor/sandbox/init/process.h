/* What every process here needs. */
#pragma once

enum { CONTROL = 3 }; /* a program's end of its socket to process 1, until it starts */

/* Marks a function that is called by the runtime that loads this library. */
#define EXPORTED __attribute__((visibility("default")))

/* Set what `fail` does: send `prefix`, what failed and the reason to `socket`, then exit with `status`. */
void on_failure(int socket, const char *prefix, int status);
_Noreturn void fail(const char *what); /* the reason is errno */
_Noreturn void fail_malformed(const char *what);
_Noreturn void fail_unsupported(const char *what);

/* Duplicate `descriptor` to `number`, with dup3(2)'s result. It is defined apart from its callers because GCC's
 * analyzer looks into one file at a time, and would report the descriptor that dup3 returns as leaked. */
int put_at(int number, int descriptor, int flags);

/* Reset every signal to its default action and unblock it. */
void reset_signals(void);
