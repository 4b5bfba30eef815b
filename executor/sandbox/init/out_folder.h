/* The files that a program wrote to its out folder. */
#pragma once

#include <sys/types.h>

/* Send the regular files in the folder `name`, seen from the work folder, to `receiver`: up to `max_files` of them,
 * with up to `max_bytes` together. They are read with the rights of `user`. Send nothing if there is no such folder. */
void send_out_folder(uid_t user, const char *name, int max_files, long long max_bytes, int receiver);
