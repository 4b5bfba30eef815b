/* The zygote of C programs: GCC's compiler loads this library as a plugin, and takes orders when it is about to read its
 * file's first line, or, with the argument `ahead`, when it has read all of what C programs begin with (its file in
 * `preload`). In the process of a program its file then turns out to be another, or to go on, and to have another name.
 *
 * It stops in `cb.file_change` of cpplib's reader: that is called when the compiler comes to its file, and when it comes
 * back to it from a header, the next line being yet to be looked at (`_cpp_get_fresh_line` and `_cpp_pop_buffer` of GCC's
 * libcpp/lex.c and directives.c). So nothing has been decided about what follows. The declarations are our own, of what
 * has been as it is for many versions; GCC's headers are a package that is seldom installed. Where something looks
 * otherwise, this never takes an order, and where it works otherwise, it does not prove itself
 * (`executor/warm/forked_compiler.py`): then there is no such zygote.
 */

#include "init.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_CHANGE = 1, /* in the reader's callbacks */
    PADDING = 64,    /* lines are looked through by so many bytes at a time */
    MAX_NAMES = 64,  /* copies of the file's name */
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
extern FILE *asm_out_file GCC;
extern file_change **cpp_get_callbacks(struct reader *) __asm__("_Z17cpp_get_callbacksP10cpp_reader") GCC;
extern struct file *cpp_get_file(struct buffer *) __asm__("_Z12cpp_get_fileP10cpp_buffer") GCC;
extern struct stat *_cpp_get_file_stat(struct file *) GCC;
extern int get_named_event_id(const char *name, int insert) GCC;
extern void register_callback(const char *plugin, int event, void (*callback)(void *, void *), void *data) GCC;
extern int unregister_callback(const char *plugin, int event) GCC;

static const char NAME[] = "precieux";
static file_change *their_file_change;
static const char *path;
static struct buffer *own; /* of the file itself */
static bool reads_ahead;
static int file_included; /* the event of that name */

static char *names[MAX_NAMES];
static int name_count;
static char *written; /* the output so far, which nobody has yet: the name is in it too */

/* The compiler has copies of its file's name, and only it knows where: all that it can write to is looked through. The
 * name is longer than any that comes in its place, so each copy has room for that (`executor/warm/forked_compiler.py`). */
static void find_names(void)
{
    written = strndup(asm_out_file->_IO_write_base, __fpending(asm_out_file));
    if (!written)
        fail("written");
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
        char *found, *next = (char *)start;
        while ((found = memmem(next, (size_t)((char *)end - next), path, length))) {
            if (name_count == MAX_NAMES)
                cannot("names");
            names[name_count++] = found;
            next = found + length;
        }
    }
    fclose(maps);
}

/* The file's name is the program's from here on, as the compiler's own command has it; false where that has none. */
static bool rename_file(const struct step *step)
{
    char *const *words = step->commands[0];
    while (words[0] && strcmp(words[0], "-dumpbase") != 0)
        words++;
    if (!words[0] || !words[1] || strlen(words[1]) > strlen(path))
        return false;
    const char *rest = written;
    for (const char *name; (name = strstr(rest, path)); rest = name + strlen(path))
        fprintf(asm_out_file, "%.*s%s", (int)(name - rest), rest, words[1]);
    fputs(rest, asm_out_file);
    for (int index = 0; index < name_count; index++)
        strcpy(names[index], words[1]);
    return true;
}

/* Put the program's text in the place of what has been read; false where it begins otherwise. */
static bool go_on(void)
{
    static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";
    struct stat status;
    size_t length = (size_t)(own->next_line - own->text);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0)
        fail(path);
    size_t size = (size_t)status.st_size;
    unsigned char *text = mmap(NULL, size + PADDING, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED || read(file, text, size + PADDING) != status.st_size)
        fail(path);
    close(file);
    if (size < length || memcmp(text, own->text, length) != 0 || memcmp(text, BYTE_ORDER_MARK, 3) == 0)
        return false;
    text[size] = size > 0 && text[size - 1] == '\r' ? '\r' : '\n'; /* as after every text (`_cpp_convert_input`) */
    *_cpp_get_file_stat(cpp_get_file(own)) = status;
    own->text = text;
    own->next_line = text + length;
    own->end = text + size;
    return true;
}

/* Returns in the process of a program alone. */
static void stop(void)
{
    on_failure(CONTROL, "", 1);
    find_names();
    if (!take_orders())
        _exit(0);
    struct step *step = await_program();
    if (!step->has_shortcut || !rename_file(step) || !go_on())
        execute();
    drive_from_here(step);
    close(CONTROL);
}

static void on_file_change(struct reader *reader, const void *map)
{
    their_file_change(reader, map);
    if (reader->buffer == own && own->next_line == own->end) {
        cpp_get_callbacks(reader)[FILE_CHANGE] = their_file_change;
        stop();
    }
}

/* The file itself is the first, and comes again when what goes before every file is done. */
static void on_file(void *name, void *data)
{
    (void)data;
    if (!path || strcmp(name, path) != 0) {
        path = path ? path : name;
        return;
    }
    unregister_callback(NAME, file_included); /* or a crash would be blamed on plugins */
    own = parse_in->buffer;
    if (!own || own->next_line != own->text)
        return;
    if (reads_ahead) {
        file_change **callback = &cpp_get_callbacks(parse_in)[FILE_CHANGE];
        their_file_change = *callback;
        *callback = on_file_change;
    } else {
        stop();
    }
}

EXPORTED int plugin_is_GPL_compatible;

/* The beginning of `struct plugin_name_args`; https://gcc.gnu.org/onlinedocs/gccint/Plugins-loading.html */
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
    register_callback(NAME, file_included, on_file, NULL);
    return 0;
}
