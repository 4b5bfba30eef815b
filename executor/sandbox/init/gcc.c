/* The zygote of C programs. GCC's compiler loads this library as a plugin. The compiler makes boxes when it is about to
 * read the first line of its file. With the argument `ahead` it first reads the lines that most C programs begin with
 * (its file in `preload`). In a box, the program's text and name then replace those of the file.
 *
 * The compiler stops in `cb.file_change` of cpplib's reader. GCC calls that when it enters a file, and when it returns
 * to it from a header, before it looks at the next line (`_cpp_get_fresh_line` and `_cpp_pop_buffer` in libcpp/lex.c
 * and directives.c of GCC). So nothing has been decided about the lines that follow.
 *
 * The declarations are copied here, because GCC's headers are a package that is seldom installed. They have been the
 * same for many versions. If a compiler lacks one of the symbols, it makes no boxes. If it works differently, it fails
 * the test in `executor/warm/forked_compiler.py`. Either way, C programs are then compiled without this zygote.
 */

#include "confine.h"
#include "driver.h"
#include "process.h"
#include "step.h"
#include "zygote.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_CHANGE = 1, /* index of `file_change` among the reader's callbacks */
    PADDING = 64,    /* the compiler searches a line in blocks of this many bytes */
    MAX_NAMES = 64,  /* copies of the file's name */
};

/* The first members of these structs in libcpp/internal.h. */
struct buffer {
    const unsigned char *current, *line_base, *next_line, *text, *end;
};
struct reader {
    struct buffer *buffer;
};
typedef void file_change(struct reader *reader, const void *map);

/* Symbols of the compiler. They are weak because Python and Node load this library too. */
#define GCC __attribute__((weak))
extern struct reader *parse_in GCC;
extern FILE *asm_out_file GCC;
extern file_change **cpp_get_callbacks(struct reader *) __asm__("_Z17cpp_get_callbacksP10cpp_reader") GCC;
extern struct file *cpp_get_file(struct buffer *) __asm__("_Z12cpp_get_fileP10cpp_buffer") GCC;
extern struct stat *_cpp_get_file_stat(struct file *) GCC;
extern int get_named_event_id(const char *name, int insert) GCC;
extern void register_callback(const char *plugin, int event, void (*callback)(void *, void *), void *data) GCC;
extern int unregister_callback(const char *plugin, int event) GCC;

static const char PLUGIN[] = "precieux";
static file_change *original_file_change;
static const char *path;
static struct buffer *main_buffer; /* the file's own, not a header's */
static bool reads_ahead;
static int file_included; /* the number of the event PLUGIN_INCLUDE_FILE */

static char *names[MAX_NAMES];
static int name_count;
static char *output; /* what the compiler has written so far; it contains the file's name */

/* Find the compiler's copies of its file's name. Only the compiler knows where they are, so this searches all memory
 * that it can write to. The file's name is longer than any program's, so that the program's fits in its place
 * (`executor/warm/forked_compiler.py`). */
static void find_names(void)
{
    output = strndup(asm_out_file->_IO_write_base, __fpending(asm_out_file));
    if (!output)
        fail("strndup");
    __fpurge(asm_out_file);
    char line[512], access;
    unsigned long start, end;
    size_t length = strlen(path) + 1;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        fail("/proc/self/maps");
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx r%c", &start, &end, &access) != 3 || access != 'w')
            continue;
        char *name, *next = (char *)start;
        while ((name = memmem(next, (size_t)((char *)end - next), path, length))) {
            if (name_count == MAX_NAMES)
                fail_unsupported("too many copies of the file's name");
            names[name_count++] = name;
            next = name + length;
        }
    }
    fclose(maps);
}

/* Give the file the program's name. Return false if the step's compiler command does not contain one that fits. */
static bool rename_file(const struct step *step)
{
    char *const *words = step->commands[0];
    while (words[0] && strcmp(words[0], "-dumpbase") != 0)
        words++;
    if (!words[0] || !words[1] || strlen(words[1]) > strlen(path))
        return false;
    const char *rest = output;
    for (const char *name; (name = strstr(rest, path)); rest = name + strlen(path))
        fprintf(asm_out_file, "%.*s%s", (int)(name - rest), rest, words[1]);
    fputs(rest, asm_out_file);
    for (int index = 0; index < name_count; index++)
        strcpy(names[index], words[1]);
    return true;
}

/* Replace the file's text by the program's. Return false if that does not begin with what the compiler has read. */
static bool replace_text(void)
{
    static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";
    struct stat status;
    size_t length = (size_t)(main_buffer->next_line - main_buffer->text);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0)
        fail(path);
    size_t size = (size_t)status.st_size;
    unsigned char *text = mmap(NULL, size + PADDING, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED || read(file, text, size + PADDING) != status.st_size)
        fail(path);
    close(file);
    if (size < length || memcmp(text, main_buffer->text, length) != 0 || memcmp(text, BYTE_ORDER_MARK, 3) == 0)
        return false;
    text[size] = size > 0 && text[size - 1] == '\r' ? '\r' : '\n'; /* as `_cpp_convert_input` ends every text */
    *_cpp_get_file_stat(cpp_get_file(main_buffer)) = status;
    main_buffer->text = text;
    main_buffer->next_line = text + length;
    main_buffer->end = text + size;
    return true;
}

/* Make boxes. Return only in a box's process, where the compiler then goes on with the program. */
static void become_zygote(void)
{
    on_failure(CONTROL, "", 1);
    find_names();
    if (!make_boxes())
        _exit(0);
    const struct step *step = wait_for_step();
    if (!step->has_shortcut || !rename_file(step) || !replace_text())
        run_step(step);
    compile_in_this_process(step);
    close(CONTROL);
}

static void on_file_change(struct reader *reader, const void *map)
{
    original_file_change(reader, map);
    if (reader->buffer == main_buffer && main_buffer->next_line == main_buffer->end) {
        cpp_get_callbacks(reader)[FILE_CHANGE] = original_file_change;
        become_zygote();
    }
}

/* Called first with the file's own name, then for headers that GCC reads before it, then with its own name again. */
static void on_file(void *name, void *data)
{
    (void)data;
    if (!path || strcmp(name, path) != 0) {
        path = path ? path : name;
        return;
    }
    unregister_callback(PLUGIN, file_included); /* otherwise the compiler would blame a crash on plugins */
    main_buffer = parse_in->buffer;
    if (!main_buffer || main_buffer->next_line != main_buffer->text)
        return;
    if (reads_ahead) {
        file_change **callback = &cpp_get_callbacks(parse_in)[FILE_CHANGE];
        original_file_change = *callback;
        *callback = on_file_change;
    } else {
        become_zygote();
    }
}

EXPORTED int plugin_is_GPL_compatible;

/* The first members of `struct plugin_name_args`; https://gcc.gnu.org/onlinedocs/gccint/Plugins-loading.html */
struct arguments {
    char *base_name;
    const char *full_name;
    int count;
};

EXPORTED int plugin_init(const struct arguments *arguments, const void *version)
{
    (void)version;
    if (!&parse_in || !&asm_out_file || !cpp_get_callbacks || !cpp_get_file || !_cpp_get_file_stat)
        return 1;
    reads_ahead = arguments->count > 0;
    file_included = get_named_event_id("PLUGIN_INCLUDE_FILE", 0);
    register_callback(PLUGIN, file_included, on_file, NULL);
    return 0;
}
