/* A zygote: a process that only forks process 1 of each box.
 *
 * Forked processes inherit its memory, so it learns nothing about any run. It learns only that a box is needed, and of
 * which kind. Some zygotes are runtimes (zygote/python.py, node.c), so that a box need not start one. The plain zygote (main.c) has no memory worth copying.
 */
#pragma once

#include <stdbool.h>

/* Make boxes until the keeper closes its socket; then return false. Return true in the child of a forked box, which
 * must then call `await_step`. */
bool make_boxes(void);
