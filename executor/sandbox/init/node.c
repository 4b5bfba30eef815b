/* The zygote of Node programs. `preload/start.js` loads this library twice as an addon (`process.dlopen`). The first
 * call makes boxes, and returns only in their programs' processes. The second returns when the program has arrived.
 * This uses no function of Node's API, so compiling it needs none of Node's files.
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
        await_step(&arguments); /* not used: start.js finds the main module */
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
