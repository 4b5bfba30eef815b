/* The zygote of Node programs. `preload/start.js` loads this library three times as an addon (`process.dlopen`). The
 * first call makes boxes, and returns only in their programs' processes. The second returns when the program has
 * arrived. The third ends the process, or returns if Node has to. This uses no function of Node's API, and two of
 * libuv's, so compiling it needs none of Node's files.
 */

#include "confine.h"
#include "descriptors.h"
#include "process.h"
#include "threads.h"
#include "zygote.h"

#include <link.h>
#include <stdbool.h>
#include <stdio.h>
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

/* libuv's, which Node exports (docs.libuv.org/en/v1.x/loop.html). Weak, because Python loads this library too. */
__attribute__((weak)) void *uv_default_loop(void);
__attribute__((weak)) int uv_loop_alive(const void *loop);

static int read_libraries(struct dl_phdr_info *info, size_t size, void *count)
{
    (void)size;
    *(unsigned long long *)count = info->dlpi_adds;
    return 1;
}

/* How many libraries this process has loaded so far. */
static unsigned long long libraries(void)
{
    unsigned long long count = 0;
    dl_iterate_phdr(read_libraries, &count);
    return count;
}

/* End the process without taking the runtime down, if that makes no difference. The pool's threads may have work that
 * they would finish, such as a file to write: then the loop is alive. A library that the program has loaded may have
 * work for its end. V8 prints what its options ask for through C's streams. */
static void end_if_idle(unsigned long long libraries_before)
{
    if (!uv_default_loop || !uv_loop_alive || uv_loop_alive(uv_default_loop()))
        return;
    if (libraries() != libraries_before)
        return;
    fflush(NULL);
    _exit(0);
}

/* The name that Node looks up (nodejs.org/api/n-api.html, "Module registration"). */
EXPORTED void *napi_register_module_v1(void *environment, void *exports)
{
    static bool is_forked, has_begun;
    static unsigned long long libraries_before;
    const char *words;
    (void)environment;
    if (has_begun) {
        end_if_idle(libraries_before);
        return exports;
    }
    if (is_forked) {
        size_t length = await_step(&words);
        pass_on(words, length - 1);
        libraries_before = libraries();
        has_begun = true;
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
