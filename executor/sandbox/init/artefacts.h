/* The files that a compiler made. */
#pragma once

struct file;

/* Send the files in the work folder and below it, except the `inputs`, to `receiver`. Send none if together they exceed
 * `max_bytes`, if they are too many, or if one is neither a folder nor a regular file. */
void send_artefacts(const struct file *inputs, int count, long long max_bytes, int receiver);
