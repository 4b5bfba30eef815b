#pragma once

struct step;

/* Do what the step says, anew: without a compiler's driver where that is enough. */
_Noreturn void run_step(const struct step *step);
/* The same in a process that is the compiler already, and goes on as that when this returns; the rest is done at its exit. */
void drive_from_here(const struct step *step);
