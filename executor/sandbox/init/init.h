/* Process 1 of a box, and the zygote that forks it. See docs/executor.md and ADRs 72 and 73.
 *
 *   main.c       a zygote that is nothing else
 *   node.c       a zygote that is a Node
 *   gcc.c        a zygote that is a compiler
 *   zygote.c    takes orders, forks process 1                    runs in the zygote
 *   pid1.c     process 1: waits, starts programs, reaps         runs in the box, with privileges
 *   world.c      its mounts and files
 *   artefacts.c  what a compiler made
 *   program.c    gives every privilege up, becomes the program    runs in the box, as the program
 *   privileges.c capabilities and filters of all of them
 *   driver.c     a compiler's commands, one after the other
 *   threads.c, descriptors.c   what a runtime that is forked has besides its memory
 *   packet.c     words and descriptors over a socket
 *
 * All that is parsed here comes from the keeper; nothing that a program writes is read. Whatever fails ends the process
 * (`fail`), and with it, or by process 1's word, the box.
 */

#ifndef PRECIEUX_INIT_H
#define PRECIEUX_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    /* As in keeper/protocol.py. */
    MAX_PACKET = 65536,
    MAX_DESCRIPTORS = 64,
    MAX_ARTEFACTS = 32,
    MAX_WORDS = 1024, /* of one command or environment */
    COMMANDS = 3,     /* of a compiler without its driver */
    CONTROL = 3,      /* a program's side of the socket to process 1, until it begins */
};

#define WORK "/box/work"

/* One packet: words, each ended by a NUL, and descriptors beside it. */
struct packet {
    char bytes[MAX_PACKET + 1];
    size_t length;
    char *next;
    int descriptors[MAX_DESCRIPTORS];
    int count;
};

/* False at the end of the socket. Descriptors are closed on exec. */
bool receive(int socket, struct packet *packet);
const char *word(struct packet *packet);
long long number(struct packet *packet);
int descriptor(const struct packet *packet, int index);
void close_descriptors(const struct packet *packet);
/* Make `number` the same as another `descriptor`; -1 where that cannot be. GCC's analyzer looks into one file at a time:
 * elsewhere it would take what dup3(2) returns for a descriptor that is lost. */
int put_at(int number, int descriptor, int flags);
void send_packet(int socket, const void *bytes, size_t length, const int *descriptors, int count);

/* How this process tells that it cannot go on: `prefix`, what failed and why, to `socket`; then it exits with `status`. */
void on_failure(int socket, const char *prefix, int status);
_Noreturn void fail(const char *what);   /* why: errno */
_Noreturn void refuse(const char *what); /* why: no packet that we know */
_Noreturn void cannot(const char *what); /* why: not supported */

/* Of system calls: a classic BPF program (seccomp(2)). */
struct filter {
    const char *code;
    size_t bytes;
};

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

/* What one program is started with; it points into its packet. `commands` may do instead (driver.c). */
struct step {
    char *argv[MAX_WORDS + 1], *environment[MAX_WORDS + 1];
    int argc;
    bool has_shortcut;
    char *commands[COMMANDS][MAX_WORDS + 1], *leaves[MAX_WORDS + 1];
    unsigned long long cpu_s, processes, open_files, file_bytes, stack_bytes;
    int stdin_index, stdout_index, stderr_index;
};

/* Take orders until the keeper closes its side: then it is false. True in the process of a program that is FORKED, and
 * `await_step` comes next. `serve` is for keeper/zygote.py. */
#define EXPORTED __attribute__((visibility("default")))
bool take_orders(void);
EXPORTED bool serve(void);
EXPORTED size_t await_step(const char **arguments);
struct step *await_program(void);

/* All as a program expects them. */
void reset_signals(void);

/* Stop all threads but this one, for ever; each child goes on with copies of them. */
void park_threads(void);
pid_t fork_with_threads(void);
void resume_threads(void);

/* In a child, while it waits: copy what it will write to. Most of a runtime's heap is, at the latest when it is freed at
 * the end, and one page after the other takes longer. */
void copy_ahead(void);

/* Note what is open above CONTROL, which `close_others` spares; give a child its own of it. `fail` if that cannot be. */
void learn_descriptors(void);
void renew_descriptors(void);
void close_others(void);

/* Process 1. Returns only in the process of a program that is FORKED. */
void live(const struct order *order, const struct confinement *confinement);

/* A file of the work folder; `content` is a descriptor to copy from. */
struct file {
    const char *name;
    int content;
    mode_t mode;
};

/* No submitted program has run yet, so paths are what they seem; nor has it when the work folder is furnished. */
extern int writable_proc; /* what programs see at /proc is read-only */
void write_to_proc(const char *path, const char *value);
void build_world(long long disk_bytes, uid_t user);
void furnish(const struct file *files, int count, uid_t user);

/* Capabilities by their bits (capabilities(7)). */
extern const unsigned long long NO_CAPABILITY, TO_LIVE, TO_MAKE_BOXES;
void empty_bounding_set(int last_capability);
void limit_capabilities(unsigned long long most);
void install_filter(const struct filter *filter);

/* In a new process. One that is FORKED returns when everything is given up, and calls `await_step`. */
void become(const struct order *order, const struct confinement *confinement, int control);

/* Start what the step says, anew. */
_Noreturn void execute(void);

/* In a compiler's process: do without its driver. Returns when that must be run nevertheless. */
void drive(const struct step *step);
/* The same in a process that is the compiler already, and goes on as that when it returns; the rest is done at its exit. */
void drive_from_here(struct step *step);

/* Send what lies in the work folder besides the files `given`, if it may be had, to `receiver`. */
void hand_out_artefacts(const struct file *given, int count, long long most_bytes, int receiver);

#endif
