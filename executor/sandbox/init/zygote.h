#pragma once

#include <stdbool.h>

/* Take orders until the keeper closes its side: then it is false. True in the process of a program that is FORKED, and
 * `await_step` comes next. `serve` is for zygote/python.py. */
bool take_orders(void);
bool serve(void);
