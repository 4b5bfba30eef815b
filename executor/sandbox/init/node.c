/* The zygote of Node programs: `preload/start.js` loads this library as an addon (`process.dlopen`), and that it is loaded
 * is all that happens. The first time, it returns in the process of a program only; the second time, in there, when the
 * program has come. So nothing of Node's API is used, and no library of it is needed to compile this.
 */

#include "init.h"

#include <signal.h>
#include <unistd.h>

/* As Node looks it up (nodejs.org/api/n-api.html, "Module registration"). */
EXPORTED void *napi_register_module_v1(void *environment, void *exports)
{
    static bool is_forked;
    const char *arguments;
    (void)environment;
    if (is_forked) {
        await_step(&arguments); /* Node was told at its start what it will run */
        return exports;
    }
    on_failure(CONTROL, "", 1);
    park_threads();
    learn_descriptors();
    if (!take_orders())
        _exit(0);
    resume_threads();
    copy_ahead();
    is_forked = true;
    return exports;
}
