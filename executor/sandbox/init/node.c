/* The zygote of Node programs. `preload/start.js` loads this library twice as an addon (`process.dlopen`). The first
 * call returns only in the process of a program; the second returns there when the program has come. Nothing of Node's
 * API is used, so compiling this needs no library of Node's.
 */

#include "confine.h"
#include "descriptors.h"
#include "process.h"
#include "threads.h"
#include "zygote.h"

#include <stdbool.h>
#include <unistd.h>

/* The name that Node looks up (nodejs.org/api/n-api.html, "Module registration"). */
EXPORTED void *napi_register_module_v1(void *environment, void *exports)
{
    static bool is_forked;
    const char *arguments;
    (void)environment;
    if (is_forked) {
        await_step(&arguments); /* not needed: start.js names the main module */
        return exports;
    }
    on_failure(CONTROL, "", 1);
    park_threads();
    record_descriptors();
    if (!make_boxes())
        _exit(0);
    resume_threads();
    prefault_heap();
    is_forked = true;
    return exports;
}
