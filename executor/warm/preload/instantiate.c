/* A plugin of GCC's, for the making of precompiled headers: `#pragma precieux instantiate` instantiates what templates
 * have been asked for so far. Otherwise GCC does that at the end of every program that includes the header, which is
 * most of the time that a small one takes. Clang has it as `-fpch-instantiate-templates`.
 *
 * That is one of the two places where an instantiation may stand: right after the declaration that asks for it, or at
 * the program's end ([temp.point] in the C++ standard), and a program for which the two differ is none.
 *
 * A function that is instantiated may make an object of a class, which needs the class's table of virtual functions,
 * which asks for these functions. At the program's end GCC goes round until nothing new is asked for
 * (`c_parse_final_cleanups` in its decl2.cc); so do we, but leave the tables themselves to it.
 *
 * The declarations are our own, since GCC's headers are a package that is seldom installed. A compiler to which they
 * are wrong does not load this, or makes what does not prove itself; the header is then precompiled without
 * (`executor/warm/headers.py`). https://gcc.gnu.org/onlinedocs/gccint/Plugins.html
 */

#include <stdbool.h>
#include <string.h>

int plugin_is_GPL_compatible;

struct plugin_name_args;
struct plugin_gcc_version;
struct cpp_reader;

/* The beginning of a node of GCC's trees, and a vector of these. */
struct node {
    unsigned short code, flags;
};
struct nodes {
    unsigned allocated, count;
    struct node *of[];
};
typedef struct node *visit(struct node **node, int *walk_below, void *data);

enum {
    USED = 1 << 8,                /* among the flags: `TREE_USED` */
    WITH_ERRORS_AND_WARNINGS = 3, /* `tf_warning_or_error` */
};

extern int get_named_event_id(const char *name, int insert);
extern void register_callback(const char *plugin, int event, void (*callback)(void *, void *), void *data);
extern void c_register_pragma(const char *space, const char *name, void (*handler)(struct cpp_reader *)) __asm__(
    "_Z17c_register_pragmaPKcS0_PFvP10cpp_readerE");
extern int at_eof;
extern struct nodes *keyed_classes; /* all that have virtual functions or bases, but those whose tables are written */
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

static struct node *ask_for(struct node **node, int *walk_below, void *data) {
    (void)data;
    if (is(*node, "function_decl")) {
        mark_used(*node, WITH_ERRORS_AND_WARNINGS);
        *walk_below = 0;
    }
    return NULL;
}

/* Ask for the functions of those tables that are used; returns how many tables that are. GCC asks `decl_needed_p`, which
 * says the same of a table that is to be written and, where GCC does not optimise, crashes over any other. Of such a
 * table, which a library has, no function is instantiated. */
static unsigned ask_for_virtual_functions(void) {
    unsigned needed = 0;
    for (unsigned index = 0; keyed_classes && index < keyed_classes->count; index++) {
        struct node *table = get_vtable_decl(keyed_classes->of[index], 0), *entries = ctor_for_folding(table);
        if (!is(entries, "constructor"))
            continue;
        import_export_decl(table); /* decides whether it is ours to write */
        if (table->flags & USED) {
            walk_tree(&entries, ask_for, NULL, NULL, NULL);
            needed++;
        }
    }
    return needed;
}

/* As at the end of the file, where linkage is decided too: GCC 14 fails over virtual destructors for which it is not. */
static void instantiate(struct cpp_reader *reader) {
    (void)reader;
    unsigned needed = 0, before;
    at_eof = 1;
    do {
        instantiate_pending_templates(0);
        before = needed;
        needed = ask_for_virtual_functions();
    } while (needed > before);
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
