/* Run a step, if possible without the compiler's driver. To compile a small program, GCC's driver, `collect2` and the
 * linker's search for libraries take a sixth of the CPU time (ADR 24).
 *
 * The commands come from the driver itself (executor/catalogue/gcc_driver.py): a compiler, an assembler that reads its output,
 * and a linker. A command that finds an error reports it and exits with 1. If anything else goes wrong, the driver runs
 * after all, because it knows what to report.
 */
#pragma once

struct step;

_Noreturn void run_step(const struct step *step);
