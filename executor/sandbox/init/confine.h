/* Take every privilege from a process before it runs a step. */
#pragma once

#include "privileges.h"

#include <stddef.h>
#include <sys/types.h>

struct packet;
struct step;

/* What all programs of one zygote have in common. */
struct confinement {
    struct filter program_filter, process_one_filter;
    long first_user; /* box users are counted from it; -1 if every box has the zygote's user */
    int last_capability;
};

/* What waits in a box for its first step: a process that can start any program, or a copy of the zygote. The process of
 * a FURTHER step does not wait. */
enum box_kind { PLAIN, FORKED, FURTHER };

/* When the process of a FURTHER step became its program, in seconds of the monotonic clock, and the CPU seconds that it
 * had used by then, and before it joined its cgroup. */
struct beginning {
    double at, cpu_s, cpu_outside_s;
};

/* A box that the keeper has requested. If its kind is FURTHER, the next words in `packet` are the step. */
struct box {
    long id;
    uid_t user;
    long long disk_bytes;
    enum box_kind kind;
    int keeper; /* process 1's socket */
    const int *joins;
    int join_count;
    struct packet *packet;
    struct beginning *beginning;
};

/* Called in a new process: give up every privilege, then run the step. Return only if the box is FORKED; the caller
 * must then call `await_step`. */
void become_program(const struct box *box, const struct confinement *confinement, int control);

/* For zygote/python.py and node.c: report that this process is ready, wait for the step, and set up its streams and
 * limits. Point `arguments` to the words of the command, each ended by a NUL, and return their length in bytes. Exit if
 * the keeper ends the box without a run. */
size_t await_step(const char **arguments);
