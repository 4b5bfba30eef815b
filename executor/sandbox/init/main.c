/* Process 1 of a box, and the zygote that forks it. See docs/executor.md and ADR 23.
 *
 * A file calls only files below it, and includes their headers (tests/unit/executor/test_init_layout.py):
 *
 *   main.c         the zygote without a runtime
 *   node.c         the zygote of Node programs
 *   zygote.c       forks process 1 of each box                  runs in the zygote
 *   pid1.c         makes the box, starts a program, reaps           runs in the box, with privileges
 *   relay.c        passes bytes between a judge and a program in another box
 *   collect.c      collects what a compiler made, or what a program wrote
 *   confine.c      gives up every privilege                     runs in the box, as the program
 *   driver.c       runs a step, if possible without the compiler's driver
 *   step.c         reads a step, sets its streams and limits, becomes its program
 *   mounts.c       makes a box's mounts and files
 *   privileges.c   sets capabilities and filters
 *   threads.c      copies the threads of a runtime
 *   descriptors.c  replaces the descriptors of a runtime
 *   packet.c       sends and receives words and descriptors
 *   process.c      fails, resets signals
 *
 * All input comes from the keeper. Nothing that a program writes is read. The files in its out folder are copied, and
 * what it writes to a program in another box is passed on. Any failure ends the process (`fail`). If it is process 1, or a
 * child of process 1 that has not become its program yet, the box ends too.
 */

#include "process.h"
#include "zygote.h"

int main(void)
{
    reset_signals(); /* the process that started us may have ignored some */
    make_boxes();
}
