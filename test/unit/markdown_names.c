/* markdown_names.c: the tables of elements and attributes, in which each name is found. */
#include "base/arena.h"
#include "markdown/attributes.h"
#include "markdown/tags.h"
#include "test.h"

static struct str in_capitals(struct str name, struct arena *a)
{
    char *copy = arena_c_str(a, name);
    for (size_t i = 0; i < name.n; i++) {
        copy[i] = copy[i] >= 'a' && copy[i] <= 'z' ? (char)(copy[i] - 32) : copy[i];
    }
    return (struct str){copy, name.n};
}

TEST(each_element_is_found_by_its_name_and_by_no_other)
{
    struct arena *a = arena_new();
    for (int i = 0; i < TAG_OTHER; i++) {
        struct str name = str_from(tag_table[i].name);
        CHECK_INT(tag_find(name), i);
        CHECK_INT(tag_find(in_capitals(name, a)), i);
        CHECK_INT(tag_find(arena_printf(a, "%.*s-", STR_ARG(name))), TAG_OTHER);
    }
    static const char *const others[] = {"",  "-", "@", "[", "`",  "{",    "g",        "j",
                                         "r", "x", "y", "z", "zz", "x-2f", "\xc3\xa4", "\x01"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK_INT(tag_find(str_from(others[i])), TAG_OTHER);
    }
    arena_free(a);
}

TEST(each_attribute_is_found_by_its_name_and_those_that_a_selector_asks_for)
{
    static const char *const names[ATTR_ASKED] = {
        "alt",      "aria-hidden", "checked", "class", "colspan", "content", "data-lang", "data-language",
        "data-src", "height",      "hidden",  "href",  "id",      "lang",    "name",      "rel",
        "role",     "rowspan",     "src",     "start", "style",   "type",    "value",     "width",
    };
    struct arena *a = arena_new();
    struct asked_attributes asked = {.names = {STR("data-x")}, .count = 1};
    for (int i = 0; i < ATTR_ASKED; i++) {
        CHECK_INT(attribute_find(&asked, str_from(names[i])), i);
        CHECK_INT(attribute_find(&asked, in_capitals(str_from(names[i]), a)), i);
    }
    CHECK_INT(attribute_find(&asked, STR("DATA-X")), ATTR_ASKED);
    CHECK_INT(attribute_find(&asked, STR("")), ATTR_COUNT);
    CHECK_INT(attribute_find(&asked, STR("hre")), ATTR_COUNT);
    CHECK_INT(attribute_find(&asked, STR("data-languages")), ATTR_COUNT);
    arena_free(a);
}
