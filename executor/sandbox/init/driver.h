/* Run a step, without a compiler's driver if possible: GCC's driver and what it starts take a sixth of a small
 * program's CPU time.
 *
 * The commands come from the driver itself (executor/gcc_driver.py): a compiler, an assembler that reads its output,
 * and a linker. A command that finds an error reports it and exits with 1. If anything else goes wrong, the driver runs
 * after all, because it knows what to report.
 */
#pragma once

struct step;

_Noreturn void run_step(const struct step *step);
/* For a process that is the compiler already: connect it to the assembler and return. The rest is done at its exit. */
void compile_in_this_process(const struct step *step);
