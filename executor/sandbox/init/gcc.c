/* The nursery of C programs: GCC's compiler loads this library as a plugin, and has read what they all begin with
 * (`stubs/main.c`) when it takes orders. In the process of a program its file then turns out to go on.
 *
 * It stops in `cb.file_change` of cpplib's reader, called when the header is left and the next line of the file is yet to
 * be looked at (`_cpp_get_fresh_line` and `_cpp_pop_buffer` of GCC's libcpp/lex.c and directives.c), so that nothing has
 * been decided about what follows. The declarations are our own, of what has been as it is for many versions; GCC's
 * headers are a package that is seldom installed. Where something looks otherwise, this never takes an order, and where
 * it works otherwise, it does not prove itself (`executor/warm.py`): then there is no such nursery.
 */

#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_CHANGE = 1, /* in the reader's callbacks */
    PADDING = 64,    /* lines are looked through by so many bytes at a time */
};

/* The beginnings of what they are in libcpp/internal.h. */
struct buffer {
    const unsigned char *current, *line_base, *next_line, *text, *end;
};
struct reader {
    struct buffer *buffer;
};
typedef void file_change(struct reader *reader, const void *map);

/* Of the compiler, and of nobody else that this library is loaded by. */
#define GCC __attribute__((weak))
extern struct reader *parse_in GCC;
extern file_change **cpp_get_callbacks(struct reader *) __asm__("_Z17cpp_get_callbacksP10cpp_reader") GCC;
extern void initialize_rtl(void) __asm__("_Z14initialize_rtlv") GCC;
extern int get_named_event_id(const char *name, int insert) GCC;
extern void register_callback(const char *plugin, int event, void (*callback)(void *, void *), void *data) GCC;
extern int unregister_callback(const char *plugin, int event) GCC;

static const char NAME[] = "precieux";
static file_change *their_file_change;
static const char *path;
static int file_included; /* the event of that name */

/* Put the program's text in the place of its beginning, which has been read; false where it begins otherwise. */
static bool go_on(struct buffer *buffer)
{
    struct stat status;
    off_t length = buffer->end - buffer->text;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0)
        fail(path);
    size_t room = (size_t)status.st_size + PADDING;
    unsigned char *text = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED || read(file, text, room) != status.st_size)
        fail(path);
    close(file);
    if (status.st_size < length || memcmp(text, buffer->text, (size_t)length) != 0)
        return false;
    text[status.st_size] = '\n'; /* as after every text (`_cpp_convert_input`) */
    buffer->text = text;
    buffer->next_line = text + length;
    buffer->end = text + status.st_size;
    return true;
}

static bool is_read(const struct buffer *buffer)
{
    return buffer && buffer->text && buffer->next_line == buffer->end && buffer->next_line > buffer->text;
}

static void on_file_change(struct reader *reader, const void *map)
{
    their_file_change(reader, map);
    struct buffer *buffer = reader->buffer;
    if (!is_read(buffer))
        return;
    cpp_get_callbacks(reader)[FILE_CHANGE] = their_file_change;
    initialize_rtl(); /* the tables of the back end, which the first function would have made */
    on_failure(CONTROL, "", 1);
    if (!take_orders())
        _exit(0);
    struct stage *stage = await_program();
    if (!stage->has_shortcut || !go_on(buffer))
        execute();
    drive_from_here(stage);
    close(CONTROL);
}

static void on_first_file(void *name, void *data)
{
    (void)data;
    unregister_callback(NAME, file_included); /* or a crash would be blamed on plugins */
    file_change **callback = &cpp_get_callbacks(parse_in)[FILE_CHANGE];
    path = name;
    their_file_change = *callback;
    *callback = on_file_change;
}

EXPORTED int plugin_is_GPL_compatible;

/* https://gcc.gnu.org/onlinedocs/gccint/Plugins-loading.html */
EXPORTED int plugin_init(void *arguments, void *version)
{
    (void)arguments;
    (void)version;
    if (!&parse_in || !cpp_get_callbacks || !initialize_rtl)
        return 1;
    file_included = get_named_event_id("PLUGIN_INCLUDE_FILE", 0);
    register_callback(NAME, file_included, on_first_file, NULL);
    return 0;
}
