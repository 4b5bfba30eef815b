/* The files that a compiler made. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct file;

/* Send the files in the work folder and below it, except the `inputs`, to `receiver`. Send none if together they exceed
 * `max_bytes`, if they are too many, or if one is neither a folder nor a regular file. */
void send_compiled_files(const struct file *inputs, int count, long long max_bytes, int receiver);

/* For all files that are collected: make an empty file in memory, append the content of another to it (false if that
 * fails), and seal it and send it beside the words that describe its contents. */
int new_contents(void);
bool append_content(int source, off_t size, int target);
void send_contents(int contents, const char *words, size_t length, int receiver);
