/* The files that a compiler made. */
#pragma once

struct file;

/* Send the files in the work folder, except the `inputs`, to `receiver`: all of them, or none if they are more than
 * `max_bytes` or if one is not a regular file. */
void send_artefacts(const struct file *inputs, int count, long long max_bytes, int receiver);
