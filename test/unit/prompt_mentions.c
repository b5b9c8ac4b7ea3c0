/* prompt_mentions.c: names in answers: what counts as one, and what is told of it. */
#include "kinds/run_prompt/mentions.h"

#include "test.h"

#define ONE(text) ((struct entity){.name = STR(text)})

static void find(struct str text, const struct entity *entities, size_t count, struct arena *a,
                 struct mentions *m, struct err *e)
{
    const struct mention_search search = {.text = text, .entities = entities, .count = count};
    OK(mentions_find(&search, a, m, e));
}

static const struct {
    const char *name, *text;
    int64_t count;
} names[] = {
    {"Acme", "Acme, acme and ACME.", 3},
    {"Acme", "Acmeism, Meacme, Acme2, ac me", 0},
    {"Acme", "Acme's and \"Acme\" (Acme) **Acme** `Acme`", 5},
    {"Acme, Inc.", "Acme is big. Acme Inc. too, Acme, Inc. as well", 3},
    {"Acme GmbH", "Acme", 1},
    {"AG", "AG", 1}, /* nothing but a suffix stays */
    {"AT&T", "AT&amp;T, AT & T, at and t, AT&T", 4},
    {"Ben & Jerry's", "Ben and Jerry\u2019s; Ben &amp; Jerry&#39;s; BEN & JERRY&#x27;S", 3},
    {"Caf\u00e9 M\u00fcller", "cafe  muller, CAF\u00c9\nM\u00dcLLER, Cafe\u0301 Mu\u0308ller", 3},
    {"Stra\u00dfe", "STRASSE strasse", 2},
    {"\uff21\uff23\uff2d\uff25", "Acme", 1},
    {"\u30c8\u30e8\u30bf", "\u65e5\u672c\u306e\u30c8\u30e8\u30bf\u306f", 1}, /* written without spaces */
    {"Yahoo!", "Yahoo! and Yahoo", 1},
    {"Coca-Cola", "Coca\u2011Cola coca\u2013cola", 2},
    {"C++", "C++ C C+", 1},
    {"New York", "New\u00a0York New\n  York", 2},
    {"Acme", "https://acme.example/acme is no name", 0},
    {"Acme", "```\nAcme\n```\nAcme ~~~ Acme", 2},
};

TEST(a_name_is_found_however_it_is_written)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct entity entity = {.name = str_from(names[i].name)};
        struct mentions m;
        find(str_from(names[i].text), &entity, 1, a, &m, e);
        ck_assert_msg(m.of[0].count == names[i].count, "%s in %s: %" PRId64, names[i].name, names[i].text,
                      m.of[0].count);
    }
    arena_free(a);
}

TEST(of_names_that_overlap_the_longest_takes_its_place)
{
    struct arena *a = arena_new();
    const struct str not_in[] = {STR("Apple Valley")};
    const struct entity entities[] = {
        ONE("New York"), ONE("New York Times"), {.name = STR("Apple"), .not_in = not_in, .not_in_count = 1}};
    struct mentions m;
    find(STR("The New York Times of New York. Apple left Apple Valley."), entities, 3, a, &m, e);
    CHECK_INT(m.of[0].count, 1);
    CHECK_INT(m.of[0].first_offset, 22);
    CHECK_INT(m.of[0].order, 2);
    CHECK_INT(m.of[1].count, 1);
    CHECK_INT(m.of[1].order, 1);
    CHECK_INT(m.of[2].count, 1);
    arena_free(a);
}

TEST(case_counts_where_it_was_asked_for)
{
    struct arena *a = arena_new();
    const struct entity entity = {.name = STR("Go"), .is_case_sensitive = true};
    struct mentions m;
    find(STR("Go! I go, GO. Go"), &entity, 1, a, &m, e);
    CHECK_INT(m.of[0].count, 2);
    arena_free(a);
}

TEST(what_one_name_is_not_may_be_another_name)
{
    struct arena *a = arena_new();
    const struct str not_in[] = {STR("Apple Valley")};
    const struct entity entities[] = {{.name = STR("Apple"), .not_in = not_in, .not_in_count = 1},
                                      ONE("Apple Valley"),
                                      {.name = STR("APPLE"), .is_case_sensitive = true}};
    struct mentions m;
    OK(mentions_check(entities, 3, e));
    find(STR("Apple Valley, apple, APPLE"), entities, 3, a, &m, e);
    CHECK_INT(m.of[0].count, 1);
    CHECK_INT(m.of[1].count, 1);
    CHECK_INT(m.of[2].count, 1);
    arena_free(a);
}

TEST(two_that_are_called_the_same_are_refused)
{
    static const struct str aliases[] = {STR("Beta"), STR("acme inc.")};
    const struct entity once[] = {{.name = STR("Beta"), .forms = aliases, .form_count = 1}, ONE("Acme")};
    const struct entity twice[] = {{.name = STR("B"), .forms = aliases, .form_count = 2}, ONE("Acm\u00e9")};
    OK(mentions_check(once, 2, e));
    FAILS(mentions_check(twice, 2, e), RC_INVALID);
    CHECK_STR(str_from(e->text),
              STR("entities: B and Acm\u00e9 are called the same, or have an alias in common"));
}

TEST(a_link_to_its_own_domain_is_one_mention_and_a_citation)
{
    struct arena *a = arena_new();
    const struct str acme[] = {STR("acme.example")};
    const struct entity entities[] = {{.name = STR("Acme"), .domains = acme, .domain_count = 1},
                                      ONE("Other")};
    struct mentions m;
    find(STR("[Acme](https://www.Acme.example/x_(y)), see https://docs.acme.example/a?b=1. "
             "[Other](https://acme.example) <https://notacme.example>"),
         entities, 2, a, &m, e);
    CHECK_INT(m.of[0].count, 3);
    CHECK_INT(m.of[1].count, 1);
    CHECK_INT(m.citation_count, 4);
    CHECK_STR(m.citations[0].url, STR("https://www.Acme.example/x_(y)"));
    CHECK_STR(m.citations[0].host, STR("acme.example"));
    CHECK_INT(m.citations[1].entity, 0);
    CHECK_STR(m.citations[1].url, STR("https://docs.acme.example/a?b=1"));
    CHECK_INT(m.citations[3].entity, -1);
    arena_free(a);
}

TEST(the_rank_in_a_list_is_told)
{
    static const char text[] =
        "Best of all:\n1. One\n2. Two is good\n   and more\n\nOr:\n- Three\n- Four\n  - Five\n- Six\nSeven";
    static const struct {
        const char *name;
        int64_t rank;
    } table[] = {{"One", 1}, {"Two", 2}, {"Three", 1}, {"Four", 2}, {"Five", 1}, {"Six", 3}, {"Seven", 0}};
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct mentions m;
        const struct entity entity = {.name = str_from(table[i].name)};
        find(str_from(text), &entity, 1, a, &m, e);
        CHECK_INT(m.of[0].count, 1);
        CHECK_INT(m.of[0].list_rank, table[i].rank);
    }
    arena_free(a);
}

TEST(snippets_are_cut_between_characters)
{
    struct arena *a = arena_new();
    struct str text = arena_printf(a, "%s Acme %s",
                                   "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                   "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                   "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                   "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                   "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                   "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                   "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                   "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                   "\u00e9\u00e9\u00e9",
                                   "Acme Acme Acme");
    const struct entity entity = ONE("Acme");
    struct mentions m;
    find(text, &entity, 1, a, &m, e);
    CHECK_INT(m.of[0].count, 4);
    CHECK_INT(m.of[0].snippet_count, MENTION_SNIPPETS);
    CHECK_TRUE(str_is_utf8(m.of[0].snippets[0]));
    CHECK_INT(m.of[0].snippets[0].n, 2 * 79 + 1 + 4 + 15);
    arena_free(a);
}

TEST(more_names_than_can_be_looked_for_are_refused)
{
    struct arena *a = arena_new();
    struct entity *entities = arena_array(a, struct entity, MENTION_FORMS_MAX + 1);
    for (size_t i = 0; i <= MENTION_FORMS_MAX; i++) {
        entities[i].name = arena_printf(a, "name %zu", i);
    }
    struct mentions m;
    const struct mention_search search = {
        .text = STR("name 7"), .entities = entities, .count = MENTION_FORMS_MAX + 1};
    FAILS(mentions_find(&search, a, &m, e), RC_TOO_BIG);
    find(STR("name 7"), entities, MENTION_FORMS_MAX, a, &m, e);
    CHECK_INT(m.of[7].count, 1);
    arena_free(a);
}
