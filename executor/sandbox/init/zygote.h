/* A zygote: a process that only forks process 1 of each box.
 *
 * Forked processes inherit its memory, so it learns nothing of any run: only that one more box is needed, of which
 * kind, and with which stub. Some zygotes are runtimes and compilers (zygote/python.py, node.c, gcc.c), so that a
 * program in their language need not start one. The other (main.c) has no memory worth copying.
 */
#pragma once

#include <stdbool.h>

/* Make boxes until the keeper closes its socket; then return false. Returns true in the process of a program that is
 * FORKED, where `wait_for_step` or `await_step` follows. */
bool make_boxes(void);
/* The same with signals reset, for main.c and zygote/python.py. */
bool serve(void);
