#pragma once

#include <stdbool.h>

struct packet;

enum {
    MAX_WORDS = 1024, /* of one command or environment */
    COMMANDS = 3,     /* of a compiler without its driver */
};

/* What one program is started with; it points into its packet. `commands` may do instead (driver.c). */
struct step {
    char *argv[MAX_WORDS + 1], *environment[MAX_WORDS + 1];
    int argc;
    bool has_shortcut;
    char *commands[COMMANDS][MAX_WORDS + 1], *leaves[MAX_WORDS + 1];
    unsigned long long cpu_s, processes, open_files, file_bytes, stack_bytes;
    int stdin_index, stdout_index, stderr_index;
};

void read_step(struct packet *from, struct step *step);
/* `descriptors` are those that the step counts on. */
void connect_streams(const struct step *step, const int *descriptors, int count);
void set_limits(const struct step *step);
/* Start what the step says, anew. */
_Noreturn void execute(const struct step *step);
