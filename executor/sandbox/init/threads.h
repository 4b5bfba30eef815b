#pragma once

#include <sys/types.h>

/* Stop all threads but this one, for ever; each child goes on with copies of them. */
void park_threads(void);
pid_t fork_with_threads(void);
void resume_threads(void);

/* In a child, while it waits: copy what it will write to. Most of a runtime's heap is, at the latest when it is freed at
 * the end, and one page after the other takes longer. */
void copy_ahead(void);
