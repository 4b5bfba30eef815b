/* Process 1 of a box. It makes the box, waits for its run, starts one program, reaps all processes, and
 * reports to the keeper.
 *
 * It shares a pid namespace with hostile code and keeps a few privileges, but nothing in the box can reach it. It
 * belongs to the parent user namespace. It is not dumpable, so no program can trace it or open /proc/1/mem. And the
 * kernel delivers a signal to the first process of a namespace only if that has a handler for it.
 */
#pragma once

struct box;
struct confinement;

/* Return only in a child that becomes the program of a forked box. */
void run_process_one(const struct box *box, const struct confinement *confinement);
