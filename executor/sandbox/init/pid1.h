/* Process 1 of a box: makes the box, waits until it begins, starts one step after the other, reaps all processes, and
 * reports to the keeper.
 *
 * It shares a pid namespace with hostile code and keeps a few privileges, but nothing in the box can reach it. It
 * belongs to the parent user namespace. It is not dumpable, so there is no /proc/1/mem and no tracing. And the kernel
 * delivers no signal to the first process of a namespace unless that has a handler for it.
 */
#pragma once

struct box;
struct confinement;

/* Returns only in the process of a program that is FORKED. */
void run_process_one(const struct box *box, const struct confinement *confinement);
