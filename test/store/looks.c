/* What a look says of the lines that claims wait for. */
#include "store_test.h"

#include <string.h>

#define KIND(queue_, kind_)                                                                                  \
    (struct store_line)                                                                                      \
    {                                                                                                        \
        .tenant = s->tenant, .queue = STR(queue_), .kind = STR(kind_)                                        \
    }
#define ANY_KIND(queue_)                                                                                     \
    (struct store_line)                                                                                      \
    {                                                                                                        \
        .tenant = s->tenant, .queue = STR(queue_)                                                            \
    }

static int by_name(const void *a, const void *b)
{
    const struct store_line *x = a, *y = b;
    int64_t tenants = x->tenant - y->tenant;
    int queues = str_compare(x->queue, y->queue);
    return tenants ? (tenants > 0) - (tenants < 0) : queues ? queues : str_compare(x->kind, y->kind);
}

/* What is told, as text. */
static struct str look_at(struct store_test *s, const struct store_line *wanted, size_t count)
{
    struct str text = STR("");
    AN_OP(s, op, store_look, STORE_LOOK);
    op.wanted = wanted;
    op.wanted_count = count;
    run_op(s, &op.op);
    if (op.count) {
        qsort(op.lines, op.count, sizeof *op.lines, by_name);
    }
    for (size_t i = 0; i < op.count; i++) {
        const struct store_line *l = &op.lines[i];
        text = arena_printf(s->a, "%.*s%s%.*s/%.*s ", STR_ARG(text), l->tenant == s->tenant ? "" : "foreign ",
                            STR_ARG(l->queue), STR_ARG(l->kind));
    }
    return text;
}
#define CHECK_LOOK(want, ...)                                                                                \
    do {                                                                                                     \
        const struct store_line wanted_[] = {__VA_ARGS__};                                                   \
        CHECK_STR(look_at(s, wanted_, sizeof wanted_ / sizeof wanted_[0]), STR(want));                       \
    } while (0)

STORE_TEST(a_look_tells_which_of_the_lines_have_something)
{
    CHECK_LOOK("", KIND("mail", "send"), ANY_KIND("mail"));
    (void)a_queued_job(s, .queue = STR("mail"), .kind = STR("send"));
    (void)a_queued_job(s, .queue = STR("mail"), .kind = STR("send"), .priority = 5);
    (void)a_scheduled_job(s, HOUR, .queue = STR("mail"), .kind = STR("later"));
    (void)a_queued_job(s, .queue = STR("news"), .kind = STR("print"));
    CHECK_LOOK("mail/send news/print ", KIND("mail", "send"), KIND("mail", "print"), KIND("mail", "later"),
               KIND("news", "print"), KIND("none", "send"));
    CHECK_LOOK("", KIND("news", "send"));
    CHECK_INT(claim(s, .max = 2, .queue = STR("mail")).count, 2);
    CHECK_LOOK("news/print ", KIND("mail", "send"), KIND("news", "print"));
    (void)pass(s, HOUR); /* two leases end */
    (void)pass(s, HOUR); /* … and what was lost has its next turn */
    CHECK_LOOK("mail/later mail/send ", KIND("mail", "send"), KIND("mail", "later"));
}

STORE_TEST(a_look_for_a_queue_tells_the_kinds_that_have_something)
{
    (void)a_queued_job(s, .queue = STR("mail"), .kind = STR("send"));
    (void)a_queued_job(s, .queue = STR("mail"), .kind = STR("sort"), .priority = -3);
    (void)a_queued_job(s, .queue = STR("news"), .kind = STR("print"));
    CHECK_LOOK("mail/send mail/sort ", ANY_KIND("mail"));
    CHECK_LOOK("mail/send mail/sort news/print ", ANY_KIND("none"), ANY_KIND("mail"), KIND("news", "print"));
    (void)claim_one(s, .queue = STR("mail"), .kind = STR("send"));
    CHECK_LOOK("mail/sort ", ANY_KIND("mail"));
}

STORE_TEST(a_look_finds_nothing_in_a_paused_queue)
{
    (void)a_queued_job(s, .queue = STR("mail"));
    pause_queue(s, STR("mail"));
    CHECK_LOOK("", KIND("mail", "k"), ANY_KIND("mail"));
    resume_queue(s, STR("mail"));
    CHECK_LOOK("mail/k ", KIND("mail", "k"));
    CHECK_LOOK("mail/k ", ANY_KIND("mail"));
}

STORE_TEST(a_look_at_lines_of_two_tenants_confuses_none)
{
    const int64_t mine = s->tenant;
    as_tenant(s, s->foreign);
    (void)a_queued_job(s, .queue = STR("mail"));
    const struct store_line theirs = KIND("mail", "k"), any = ANY_KIND("mail");
    as_tenant(s, mine);
    CHECK_LOOK("foreign mail/k ", KIND("mail", "k"), theirs);
    CHECK_LOOK("foreign mail/k ", ANY_KIND("mail"), any);
}

/* What it remembers of a line is not in the way of claims. */
STORE_TEST(what_a_look_has_not_found_a_claim_finds_when_it_comes)
{
    for (int i = 0; i < 3; i++) {
        CHECK_LOOK("", KIND("default", "k"), ANY_KIND("default"));
        struct id id = a_queued_job(s, .priority = 3 - i);
        CHECK_LOOK("default/k ", KIND("default", "k"));
        CHECK_ID(claim_one(s, .kind = STR("k"))->id, id);
    }
}

/* Of a queue of this name, whosever it is. */
#define OF_ALL(queue_, kind_)                                                                                \
    (struct store_line)                                                                                      \
    {                                                                                                        \
        .queue = STR(queue_), .kind = STR(kind_)                                                             \
    }

STORE_TEST(a_look_for_all_tenants_tells_whose_lines_have_something)
{
    int64_t me = s->tenant;
    CHECK_LOOK("", OF_ALL("mail", ""));
    (void)a_queued_job(s, .queue = STR("mail"), .kind = STR("send"));
    (void)a_queued_job(s, .queue = STR("news"), .kind = STR("print"));
    as_tenant(s, s->foreign);
    (void)a_queued_job(s, .queue = STR("mail"), .kind = STR("send"));
    (void)a_queued_job(s, .queue = STR("mail"), .kind = STR("sort"), .group = STR("g"));
    as_tenant(s, me);
    CHECK_LOOK("mail/send foreign mail/send foreign mail/sort ", OF_ALL("mail", ""));
    CHECK_LOOK("mail/send news/print foreign mail/send ", OF_ALL("mail", "send"), ANY_KIND("news"));
    pause_queue(s, STR("mail"));
    CHECK_LOOK("foreign mail/send foreign mail/sort ", OF_ALL("mail", "sort"), OF_ALL("mail", "send"));
}
