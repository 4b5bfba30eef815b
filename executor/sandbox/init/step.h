/* A step: the arguments, environment, limits and streams of one program. */
#pragma once

#include <stdbool.h>

struct packet;

enum {
    MAX_WORDS = 1024, /* of one command or environment */
    COMMANDS = 3,     /* compiler, assembler and linker */
};

/* All words point into the packet. If the step has a shortcut, its `commands` may run instead of `argv` (driver.c). */
struct step {
    char *argv[MAX_WORDS + 1], *environment[MAX_WORDS + 1];
    int argc;
    bool has_shortcut;
    char *commands[COMMANDS][MAX_WORDS + 1], *leftovers[MAX_WORDS + 1];
    unsigned long long cpu_s, processes, open_files, file_bytes, stack_bytes;
    unsigned long long address_space; /* 0: no limit */
    int stdin_index, stdout_index, stderr_index;
};

/* Point `words` to the words that follow their number, at most MAX_WORDS, and end them with NULL. Return the number. */
int read_words(struct packet *from, char **words);
void read_step(struct packet *from, struct step *step);
/* Connect standard input, output and error to the descriptors that the step's indices name. Close `descriptors`. */
void connect_streams(const struct step *step, const int *descriptors, int count);
void set_limits(const struct step *step);
/* Become the program. */
_Noreturn void execute(const struct step *step);
