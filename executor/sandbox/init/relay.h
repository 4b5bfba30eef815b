/* Process 1 of a judge's box passes bytes between the judge and a program in another box.
 *
 * The program's process 1 holds the end of the pipe into which the program writes until the program has ended, so its
 * end is the end of the judge's input. The relay holds the other ends, so what a side writes when the other has ended,
 * or has closed its input, is read and dropped: nobody gets SIGPIPE. The bytes stay in the kernel's pipes.
 */
#pragma once

#include <sys/types.h>

/* What process 1 of a judge gets: the judge's standard input and output, and the ends between which it passes bytes. The
 * same order as in `_crossed_pipes` in bubblewrap.py. */
enum { JUDGE_STDIN, JUDGE_STDOUT, FROM_PROGRAM, TO_JUDGE, FROM_JUDGE, TO_PROGRAM };

void begin_relay(const int *ends, pid_t judge);
/* Pass bytes until the judge has ended. No byte is passed between its end and the return. When called again, pass what
 * the judge has left and drop what the program writes, until the keeper releases the box; then exit. */
void relay(int keeper);
