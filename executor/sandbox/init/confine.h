/* Where a process gives up every privilege, before it runs a step. */
#pragma once

#include "privileges.h"

#include <stddef.h>
#include <sys/types.h>

struct packet;
struct step;

/* What all programs of one zygote have in common. */
struct confinement {
    struct filter program_filter, process_one_filter;
    long first_user; /* a user id of the kernel's; -1 if every program has the zygote's user */
    int last_capability;
};

/* What the first process of a box waits as: a process for any program, a copy of the zygote, or a stub. */
enum box_kind { PLAIN, FORKED, STUB };

/* One box, as the keeper requested it. The words of a stub's step are next in the packet. */
struct box {
    long id;
    uid_t user;
    long long disk_bytes;
    enum box_kind kind;
    int keeper; /* process 1's socket */
    const int *joins, *streams;
    int join_count, stream_count;
    struct packet *packet;
};

/* Run in a new process. Returns only if the box is FORKED; then `wait_for_step` or `await_step` follows. */
void become_program(const struct box *box, const struct confinement *confinement, int control);

/* Report that this process is ready, receive the step when the run begins, and set up its streams and limits. Exit if
 * the run never begins. */
const struct step *wait_for_step(void);
/* Wait for the step, and point to the words of its command, each ended by a NUL; return their length. For
 * zygote/python.py and node.c. */
size_t await_step(const char **arguments);
