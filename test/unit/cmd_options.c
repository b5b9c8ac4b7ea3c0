#include <stdlib.h>

#include "cmd/command.h"
#include "test.h"

static int run_nothing(const struct options *o)
{
    (void)o;
    return EXIT_OK;
}

static const struct command serve = {.name = "serve",
                                     .run = run_nothing,
                                     .help = "Runs",
                                     .arguments = "",
                                     .options = "store drain json max-body listen"};
static const struct command show = {
    .name = "show", .run = run_nothing, .help = "Shows", .arguments = "ID...", .options = "json"};

#define PARSE(out, command, ...)                                                                             \
    options_parse((out), (command), (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)),      \
                  (const char *const[]){__VA_ARGS__}, e)

TEST(a_flag_wins_over_the_variable_and_the_variable_over_the_default)
{
    struct options *o = NULL;

    OK(options_parse(&o, &serve, 0, NULL, e));
    CHECK_INT(options_int(o, "drain"), 30000);
    options_free(o);
    setenv("STINT_DRAIN", "5s", 1);
    OK(options_parse(&o, &serve, 0, NULL, e));
    CHECK_INT(options_int(o, "drain"), 5000);
    options_free(o);
    OK(PARSE(&o, &serve, "--drain", "7s"));
    CHECK_INT(options_int(o, "drain"), 7000);
    options_free(o);
}

TEST(an_option_may_stand_anywhere_and_be_joined_with_its_value)
{
    struct options *o = NULL;

    OK(PARSE(&o, &show, "one", "--json", "two"));
    CHECK_TRUE(options_flag(o, "json"));
    CHECK_INT(options_arg_count(o), 2);
    CHECK_STR(options_arg(o, 1), STR("two"));
    CHECK_TRUE(options_arg(o, 2).p == NULL);
    options_free(o);
    OK(PARSE(&o, &serve, "--store=sqlite:a=b", "--no-json"));
    CHECK_STR(options_str(o, "store"), STR("sqlite:a=b"));
    CHECK_FALSE(options_flag(o, "json"));
    options_free(o);
    OK(PARSE(&o, &show, "--", "--json"));
    CHECK_FALSE(options_flag(o, "json"));
    CHECK_STR(options_arg(o, 0), STR("--json"));
    options_free(o);
}

TEST(a_mistyped_option_is_refused_with_the_one_that_was_meant)
{
    struct options *o = NULL;

    FAILS(PARSE(&o, &serve, "--sotre", "x"), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("unknown option --sotre (did you mean --store?)"));
    FAILS(PARSE(&o, &serve, "--zzzzzz"), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("unknown option --zzzzzz; try: stint serve --help"));
    FAILS(PARSE(&o, &show, "--store", "x"), RC_INVALID); /* an option of another command */
    FAILS(PARSE(&o, &serve, "-s", "x"), RC_INVALID);
}

TEST(a_value_of_the_wrong_form_or_out_of_range_names_the_flag_or_the_variable)
{
    struct options *o = NULL;

    FAILS(PARSE(&o, &serve, "--drain", "soon"), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("--drain: 'soon' is not a time such as 500ms, 30s, 15m or 1h30m"));
    FAILS(PARSE(&o, &serve, "--drain", "2h"), RC_INVALID);
    FAILS(PARSE(&o, &serve, "--drain"), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("--drain wants a value (TIME)"));
    FAILS(PARSE(&o, &serve, "--max-body", "9223372036854775807g"), RC_INVALID);
    setenv("STINT_MAX_BODY", "much", 1);
    FAILS(options_parse(&o, &serve, 0, NULL, e), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("STINT_MAX_BODY: 'much' is not a size such as 4096, 64k or 1m"));
}

TEST(sizes_have_units)
{
    struct options *o = NULL;

    OK(PARSE(&o, &serve, "--max-body", "64k"));
    CHECK_INT(options_int(o, "max-body"), 65536);
    options_free(o);
    OK(PARSE(&o, &serve, "--max-body", "2M"));
    CHECK_INT(options_int(o, "max-body"), 2 << 20);
    options_free(o);
    OK(PARSE(&o, &serve, "--max-body", "4096"));
    CHECK_INT(options_int(o, "max-body"), 4096);
    options_free(o);
}

TEST(arguments_are_wanted_or_refused_as_the_command_says)
{
    struct options *o = NULL;

    FAILS(options_parse(&o, &show, 0, NULL, e), RC_INVALID);
    FAILS(PARSE(&o, &serve, "what"), RC_INVALID);
    OK(PARSE(&o, &show, "--help")); /* help needs no arguments */
    CHECK_TRUE(options_wants_help(o));
    options_free(o);
}

TEST(arguments_behind_the_last_one_are_refused_and_not_forgotten)
{
    static const struct {
        const char *arguments;
        size_t most;
    } rows[] = {{"ID", 1}, {"[QUERY]", 1}, {"KIND [ARGS]", 2}, {"create | ls | revoke ID", 2}, {"ID...", 4}};
    static const char *const words[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct command c = {
            .name = "x", .run = run_nothing, .help = "", .arguments = rows[i].arguments, .options = ""};
        for (size_t n = 1; n <= 4; n++) {
            struct options *o = NULL;
            enum rc rc = options_parse(&o, &c, (int)n, words, e);
            CHECK_INT(rc, n <= rows[i].most ? RC_OK : RC_INVALID);
            options_free(o);
            err_clear(e);
        }
    }
}

TEST(every_default_in_the_table_passes_its_own_check)
{
    for (const struct option *t = option_table; t->name; t++) {
        struct options *o = NULL;
        const struct command c = {
            .name = "x", .run = run_nothing, .help = "", .arguments = "", .options = t->name};

        OK(options_parse(&o, &c, 0, NULL, e));
        CHECK_INT(options_has(o, t->name), t->fallback != NULL);
        CHECK_TRUE((t->type == OPT_FLAG) == (t->value == NULL));
        options_free(o);
    }
}
