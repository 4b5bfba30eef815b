/* The zygote of every box that no Python program is meant for. */

#include "init.h"

int main(void)
{
    serve();
}
