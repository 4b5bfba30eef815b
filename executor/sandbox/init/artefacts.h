#pragma once

struct file;

/* Send what lies in the work folder besides the files `given`, if it may be had, to `receiver`. */
void hand_out_artefacts(const struct file *given, int count, long long most_bytes, int receiver);
