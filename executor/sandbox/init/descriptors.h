#pragma once

/* Note what is open above CONTROL, which `close_others` spares; give a child its own of it. `fail` if that cannot be. */
void learn_descriptors(void);
void renew_descriptors(void);
void close_others(void);
