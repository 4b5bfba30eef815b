/* A GCC plugin for precompiled headers: `#pragma precieux instantiate` instantiates the templates that have been used
 * so far. Without it, GCC does that at the end of every program that includes the header. For a small program, that
 * takes most of the time. Clang's option for the same is `-fpch-instantiate-templates`.
 *
 * The C++ standard ([temp.point]) allows an instantiation in two places: right after the declaration that uses it, or
 * at the program's end. A program whose meaning differs between the two is ill-formed.
 *
 * The declarations are copied here, because GCC's headers are a package that is seldom installed. If they are wrong for
 * a compiler, it does not load the plugin, or the header fails its test; then the header is precompiled without it
 * (`executor/warm/headers.py`). https://gcc.gnu.org/onlinedocs/gccint/Plugins.html
 */

int plugin_is_GPL_compatible;

struct plugin_name_args;
struct plugin_gcc_version;
struct cpp_reader;

extern int get_named_event_id(const char *name, int insert);
extern void register_callback(const char *plugin, int event, void (*callback)(void *, void *), void *data);
extern void c_register_pragma(const char *space, const char *name, void (*handler)(struct cpp_reader *)) __asm__(
    "_Z17c_register_pragmaPKcS0_PFvP10cpp_readerE");
extern int at_eof;
extern void instantiate_pending_templates(int retries) __asm__("_Z29instantiate_pending_templatesi");

/* `at_eof` makes GCC decide linkage too, as at the end of a file. Otherwise GCC 14 fails for virtual destructors. */
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
