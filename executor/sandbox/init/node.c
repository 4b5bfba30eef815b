/* The zygote of Node programs. `preload/start.js` loads this library twice as an addon (`process.dlopen`). The first call
 * makes boxes, and returns only in their programs' processes. The second returns when the program has arrived. This uses
 * no function of Node's API, so compiling it needs none of Node's files.
 */

#include "confine.h"
#include "descriptors.h"
#include "process.h"
#include "threads.h"
#include "zygote.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Set a variable for each word of the command. start.js reads and deletes them. */
static void pass_on(const char *words, size_t length)
{
    char name[32];
    const char *word = words;
    for (int index = 0; word < words + length; index++, word += strlen(word) + 1) {
        snprintf(name, sizeof name, "PRECIEUX_WORD_%d", index);
        if (setenv(name, word, 1) < 0)
            fail("setenv");
    }
}

/* The name that Node looks up (nodejs.org/api/n-api.html, "Module registration"). */
EXPORTED void *napi_register_module_v1(void *environment, void *exports)
{
    static bool is_forked;
    const char *words;
    (void)environment;
    if (is_forked) {
        size_t length = await_step(&words);
        pass_on(words, length);
        return exports;
    }
    on_failure(CONTROL, "", 1);
    park_threads();
    record_descriptors();
    if (!make_boxes())
        _exit(0);
    resume_threads();
    is_forked = true;
    return exports;
}
