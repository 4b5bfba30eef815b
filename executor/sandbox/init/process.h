/* What every process here needs. */
#pragma once

enum { CONTROL = 3 }; /* a program's side of the socket to process 1, until it begins */

/* For what the runtime that loads this library calls. */
#define EXPORTED __attribute__((visibility("default")))

/* How this process tells that it cannot go on: `prefix`, what failed and why, to `socket`; then it exits with `status`. */
void on_failure(int socket, const char *prefix, int status);
_Noreturn void fail(const char *what);   /* why: errno */
_Noreturn void refuse(const char *what); /* why: no packet that we know */
_Noreturn void cannot(const char *what); /* why: not supported */

/* Make `number` the same as another `descriptor`; -1 where that cannot be. GCC's analyzer looks into one file at a time:
 * elsewhere it would take what dup3(2) returns for a descriptor that is lost. */
int put_at(int number, int descriptor, int flags);

/* All as a program expects them. */
void reset_signals(void);
