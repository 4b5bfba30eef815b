/* Process 1 of a box, and the zygote that forks it. See docs/executor.md and ADRs 72 and 73.
 *
 * A file calls only files below it, and each has a header of its name (tests/unit/executor/test_init_layout.py):
 *
 *   main.c         a zygote that is nothing else
 *   node.c         a zygote that is a Node
 *   gcc.c          a zygote that is a compiler
 *   zygote.c       takes orders, forks process 1                 runs in the zygote
 *   pid1.c         process 1: waits, starts programs, reaps      runs in the box, with privileges
 *   artefacts.c    what a compiler made
 *   confine.c      gives every privilege up                      runs in the box, as the program
 *   driver.c       becomes the program, or runs a compiler's commands one after the other
 *   step.c         the step of a run: its words, streams and limits
 *   world.c        a box's mounts and files
 *   privileges.c   capabilities and filters of all of them
 *   threads.c, descriptors.c   what a runtime that is forked has besides its memory
 *   packet.c       words and descriptors over a socket
 *   process.c      how a process fails; its signals
 *
 * All that is parsed here comes from the keeper; nothing that a program writes is read. Whatever fails ends the process
 * (`fail`), and with it, or by process 1's word, the box.
 */

/* The zygote of every box that no Python program is meant for. */

#include "zygote.h"

int main(void)
{
    serve();
}
