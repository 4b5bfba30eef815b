/* Take every privilege from a process before it runs a step. */
#pragma once

#include "privileges.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What all programs of one zygote have in common. */
struct confinement {
    struct filter program_filter, process_one_filter;
    long first_user; /* box users are counted from it; -1 if every box has the zygote's user */
    int last_capability;
};

/* A box that the keeper has requested. */
struct box {
    long id;
    uid_t user;
    long long disk_bytes;
    bool is_forked; /* the process of its step goes on as a copy of the zygote */
    int keeper;     /* process 1's socket */
    const int *joins;
    int join_count;
};

/* Called in a new process: give up every privilege, then wait for the step and run it. Return only if the box is forked;
 * the caller must then call `await_step`. */
void become_program(const struct box *box, const struct confinement *confinement, int control);

/* For zygote/python.py and node.c: report that this process is ready, wait for the step, and set up its streams and
 * limits. Point `arguments` to the words of the command, each ended by a NUL, and return their length in bytes. Exit if
 * the keeper ends the box without a run. */
size_t await_step(const char **arguments);
