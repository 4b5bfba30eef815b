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
#include <stdlib.h>
#include <unistd.h>

/* start.js reads the words of the command here, and deletes them. They are in hexadecimal digits, because words may have
 * any bytes, and an environment none that is 0. */
static const char WORDS[] = "PRECIEUX_WORDS";

static void pass_on(const char *words, size_t length)
{
    static const char DIGITS[] = "0123456789abcdef";
    char *text = malloc(2 * length + 1);
    if (!text)
        fail("malloc");
    for (size_t index = 0; index < length; index++) {
        text[2 * index] = DIGITS[(unsigned char)words[index] >> 4];
        text[2 * index + 1] = DIGITS[words[index] & 15];
    }
    text[2 * length] = 0;
    if (setenv(WORDS, text, 1) < 0)
        fail("setenv");
    free(text);
}

/* The name that Node looks up (nodejs.org/api/n-api.html, "Module registration"). */
EXPORTED void *napi_register_module_v1(void *environment, void *exports)
{
    static bool is_forked;
    const char *words;
    (void)environment;
    if (is_forked) {
        size_t length = await_step(&words);
        pass_on(words, length - 1);
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
