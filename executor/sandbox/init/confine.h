#pragma once

#include "privileges.h"

#include <stddef.h>
#include <sys/types.h>

struct packet;
struct step;

/* What all programs of this zygote have in common. */
struct confinement {
    struct filter of_programs, of_process_one;
    long first_user; /* of the kernel's; -1 where every program has our own */
    int last_capability;
};

/* How a first process waits: as nothing yet, as a copy of the zygote, which is a runtime, or as a stub. */
enum kind { PLAIN, FORKED, STUB };

/* One box, as it was ordered; the words of a stub's step are next in the packet. */
struct order {
    long id;
    uid_t user;
    long long disk_bytes;
    enum kind kind;
    int keeper; /* process 1's socket */
    const int *joins, *streams;
    int join_count, stream_count;
    struct packet *packet;
};

/* In a new process. One that is FORKED returns when everything is given up, and calls `await_program` or `await_step`,
 * which is for zygote/python.py. */
void become(const struct order *order, const struct confinement *confinement, int control);
const struct step *await_program(void);
size_t await_step(const char **arguments);
