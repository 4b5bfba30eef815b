/* A GCC plugin for precompiled headers: `#pragma precieux instantiate` instantiates the templates that have been used
 * so far. Without it, GCC does that at the end of every program that includes the header. For a small program, that
 * takes most of the time. Clang's option for the same is `-fpch-instantiate-templates`.
 *
 * The C++ standard ([temp.point]) allows an instantiation in two places: right after the declaration that uses it, or
 * at the program's end. A program whose meaning differs between the two is ill-formed.
 *
 * An instantiated function may create an object of a class. That needs the class's table of virtual functions, which in
 * turn uses these functions. At the program's end GCC repeats this until nothing new is used (`c_parse_final_cleanups`
 * in its decl2.cc). The plugin does the same, but leaves it to GCC to write the tables.
 *
 * The declarations are copied here, because GCC's headers are a package that is seldom installed. If they are wrong for
 * a compiler, it does not load the plugin, or the header fails its test; then the header is precompiled without it
 * (`executor/warm/headers.py`). https://gcc.gnu.org/onlinedocs/gccint/Plugins.html
 */

#include <stdbool.h>
#include <string.h>

int plugin_is_GPL_compatible;

struct plugin_name_args;
struct plugin_gcc_version;
struct cpp_reader;

/* The first member of a node of GCC's trees, and a vector of nodes. */
struct node {
    unsigned short code, flags;
};
struct nodes {
    unsigned allocated, count;
    struct node *of[];
};
typedef struct node *visit(struct node **node, int *walk_below, void *data);

enum {
    USED = 1 << 8,                /* `TREE_USED` in the flags */
    WITH_ERRORS_AND_WARNINGS = 3, /* `tf_warning_or_error` */
};

extern int get_named_event_id(const char *name, int insert);
extern void register_callback(const char *plugin, int event, void (*callback)(void *, void *), void *data);
extern void c_register_pragma(const char *space, const char *name, void (*handler)(struct cpp_reader *)) __asm__(
    "_Z17c_register_pragmaPKcS0_PFvP10cpp_readerE");
extern int at_eof;
extern struct nodes *keyed_classes; /* with virtual functions or bases, and without a written table */
extern void instantiate_pending_templates(int retries) __asm__("_Z29instantiate_pending_templatesi");
extern struct node *get_vtable_decl(struct node *class, int complete) __asm__("_Z15get_vtable_declP9tree_nodei");
extern struct node *ctor_for_folding(struct node *variable) __asm__("_Z16ctor_for_foldingP9tree_node");
extern void import_export_decl(struct node *) __asm__("_Z18import_export_declP9tree_node");
extern bool mark_used(struct node *, int complain) __asm__("_Z9mark_usedP9tree_nodei");
extern const char *get_tree_code_name(int code) __asm__("_Z18get_tree_code_name9tree_code");
extern struct node *walk_tree(struct node **, visit *, void *data, void *visited, void *language) __asm__(
    "_Z11walk_tree_1PP9tree_nodePFS0_S1_PiPvES3_P8hash_setIS0_Lb0E19default_hash_traitsIS0_EEPFS0_S1_S2_S5_S3_SA_E");

static bool is(const struct node *node, const char *name) {
    return strcmp(get_tree_code_name(node->code), name) == 0;
}

static struct node *use_function(struct node **node, int *walk_below, void *data) {
    (void)data;
    if (is(*node, "function_decl")) {
        mark_used(*node, WITH_ERRORS_AND_WARNINGS);
        *walk_below = 0;
    }
    return NULL;
}

/* Mark the functions of all used tables as used; return the number of these tables. GCC itself calls `decl_needed_p`
 * where this reads a flag. Both agree about each table that GCC is to write. About other tables `decl_needed_p` cannot
 * be asked, because it crashes if GCC does not optimise. But those are in a library: none of their functions is
 * instantiated. */
static unsigned use_virtual_functions(void) {
    unsigned tables = 0;
    for (unsigned index = 0; keyed_classes && index < keyed_classes->count; index++) {
        struct node *table = get_vtable_decl(keyed_classes->of[index], 0), *entries = ctor_for_folding(table);
        if (!is(entries, "constructor"))
            continue;
        import_export_decl(table); /* decides whether this program writes the table */
        if (table->flags & USED) {
            walk_tree(&entries, use_function, NULL, NULL, NULL);
            tables++;
        }
    }
    return tables;
}

/* `at_eof` makes GCC decide linkage too, as at the end of a file. Otherwise GCC 14 fails for virtual destructors. */
static void instantiate(struct cpp_reader *reader) {
    (void)reader;
    unsigned tables = 0, before;
    at_eof = 1;
    do {
        instantiate_pending_templates(0);
        before = tables;
        tables = use_virtual_functions();
    } while (tables > before);
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
