/* A plugin of GCC's, for the making of precompiled headers: `#pragma precieux instantiate` instantiates what templates
 * have been asked for so far. Otherwise GCC does that at the end of every program that includes the header, which is
 * most of the time that a small one takes. Clang has it as `-fpch-instantiate-templates`.
 *
 * That is one of the two places where an instantiation may stand: right after the declaration that asks for it, or at
 * the program's end ([temp.point] in the C++ standard), and a program for which the two differ is none.
 *
 * The declarations are our own, since GCC's headers are a package that is seldom installed. A compiler to which they
 * are wrong does not load this, or makes what does not prove itself; the header is then precompiled without
 * (`executor/precompiled_headers.py`). https://gcc.gnu.org/onlinedocs/gccint/Plugins.html
 */

int plugin_is_GPL_compatible;

struct plugin_name_args;
struct plugin_gcc_version;
struct cpp_reader;

extern int get_named_event_id(const char *name, int insert);
extern void register_callback(const char *plugin, int event, void (*callback)(void *, void *), void *data);
extern void c_register_pragma(const char *space, const char *name, void (*handler)(struct cpp_reader *)) __asm__(
    "_Z17c_register_pragmaPKcS0_PFvP10cpp_readerE");
extern void instantiate_pending_templates(int retries) __asm__("_Z29instantiate_pending_templatesi");
extern int at_eof;

/* As at the end of the file, where linkage is decided too: GCC 14 fails over virtual destructors for which it is not. */
static void instantiate(struct cpp_reader *reader) {
    (void)reader;
    at_eof = 1;
    instantiate_pending_templates(0);
    at_eof = 0;
}

static void register_pragmas(void *event, void *data) {
    (void)event;
    (void)data;
    c_register_pragma("precieux", "instantiate", instantiate);
}

int plugin_init(struct plugin_name_args *arguments, struct plugin_gcc_version *version) {
    (void)arguments;
    (void)version;
    register_callback("instantiate", get_named_event_id("PLUGIN_PRAGMAS", 0), register_pragmas, 0);
    return 0;
}
