/* store_pg_nodes.c: what nodes on one PostgreSQL tell each other, and which server they refuse. */
#include "pg_rig.h"
#include "store/engine.h"
#include "store/pg/postgres.h"

#include <string.h>

struct ears {
    struct pg_engine engine;
    struct store_round *heard;
};

static void ears_begin(struct ears *g)
{
    *g = (struct ears){.heard = store_round_new()};
    g->engine.node = id_random(1900000000000LL);
    nodes_init(&g->engine);
    heads_init(&g->engine.heads);
    lanes_init(&g->engine.lanes);
    due_init(&g->engine.due);
}

static void ears_end(struct ears *g)
{
    nodes_dispose(&g->engine);
    heads_dispose(&g->engine.heads);
    lanes_dispose(&g->engine.lanes);
    store_round_free(g->heard);
}

/* As anybody says it who may connect. */
static void hear(struct ears *g, const char *payload)
{
    listener_hear(&g->engine, str_from(payload), g->heard);
}

/* As the node says it. */
static void hear_from(struct ears *g, struct id node, const char *lines)
{
    struct arena *a = arena_new();
    struct id own = g->engine.nodes.id;
    g->engine.nodes.id = node;
    struct str payload = notify_sign(&g->engine, a, str_from(lines));
    g->engine.nodes.id = own;
    listener_hear(&g->engine, payload, g->heard);
    arena_free(a);
}

TEST(what_another_node_tells_becomes_one_record)
{
    struct ears g;
    ears_begin(&g);
    const struct id job = id_random(1900000000000LL);
    char payload[400];
    str_print(payload, sizeof payload,
              "queued 7 mail send\ndue 5000\ndue 9000\njob 7 %s 3 12 1 1 mail/send\n", id_text(job).s);
    hear_from(&g, job, payload);
    hear_from(&g, job, "keys");
    CHECK_INT(g.heard->line_count, 1);
    CHECK_INT(g.heard->lines[0].tenant, 7);
    CHECK_STR(g.heard->lines[0].queue, STR("mail"));
    CHECK_STR(g.heard->lines[0].kind, STR("send"));
    CHECK_INT(g.heard->next_due_at, 5000);
    CHECK_INT(g.heard->change_count, 1);
    const struct store_change *c = &g.heard->changes[0];
    ck_assert(id_eq(c->job, job) && c->is_foreign && c->cancel_asked && c->state_changed &&
              !c->became_queued);
    CHECK_INT(c->state, JOB_PROCESSING);
    CHECK_INT(c->last_seq, 12);
    CHECK_STR(c->kind, STR("send"));
    ck_assert(g.heard->keys_changed && !g.heard->has_gap);
    hear_from(&g, job, "all");
    ck_assert(g.heard->has_gap);
    ears_end(&g);
}

TEST(what_strangers_tell_makes_a_node_look_but_believe_nothing)
{
    static const char *const lies[] = {"job 7 01900000-0000-7000-8000-000000000000 3 12 1 1 mail/send\n",
                                       "keys\n", "all\n", "nodes\n", "aware\n"};
    struct ears g;
    ears_begin(&g);
    struct arena *a = arena_new();
    atomic_store(&g.engine.nodes.is_watching, true);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct str true_one = notify_sign(&g.engine, a, STR("wish\n"));
        struct str other = notify_sign(&g.engine, a, str_from(lies[i]));
        hear(&g, lies[i]);
        hear(&g, arena_printf(a, "node %s\n%s", id_text(id_random(0)).s, lies[i]).p);
        hear(&g, arena_printf(a, "%.*s%s", STR_ARG(true_one), lies[i]).p);
        g.engine.base.secret[3]++;
        g.engine.nodes.id = id_random(1900000000000LL);
        hear(&g, other.p);
    }
    CHECK_INT(g.heard->change_count, 0);
    ck_assert(!g.heard->keys_changed && !g.heard->has_gap && !g.engine.nodes.must_answer);
    hear(&g, "queued 7 mail send\ndue 5000\n");
    CHECK_INT(g.heard->line_count, 1);
    CHECK_INT(g.heard->next_due_at, 5000);
    arena_free(a);
    ears_end(&g);
}

TEST(what_a_node_said_long_ago_is_looked_up_not_believed)
{
    struct ears g;
    ears_begin(&g);
    struct arena *a = arena_new();
    struct str old =
        notify_sign(&g.engine, a, STR("job 7 01900000-0000-7000-8000-000000000000 3 12 1 1 mail/send\n"));
    g.engine.nodes.id = id_random(1900000000000LL);
    listener_hear(&g.engine, old, g.heard);
    CHECK_INT(g.heard->change_count, 1);
    ck_assert(!g.heard->has_gap);
    g.engine.base.wall_at_start += 61000;
    listener_hear(&g.engine, old, g.heard);
    CHECK_INT(g.heard->change_count, 1);
    ck_assert(g.heard->has_gap);
    arena_free(a);
    ears_end(&g);
}

TEST(a_node_does_not_hear_itself_nor_what_it_does_not_understand)
{
    struct ears g;
    ears_begin(&g);
    static const char *const odd[] = {"",
                                      "\n\n \n",
                                      "queued 7 mail",
                                      "queued x mail send",
                                      "job 7 nobody 3 12 1 1 mail/send",
                                      "job 7 01900000-0000-7000-8000-000000000000 8 12 1 1 mail/send",
                                      "due soon",
                                      "of another release"};
    hear_from(&g, g.engine.node, "queued 7 mail send\nall\n");
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        hear(&g, odd[i]);
        hear_from(&g, id_random(1900000000000LL), odd[i]);
    }
    CHECK_INT(g.heard->line_count + g.heard->change_count, 0);
    CHECK_INT(g.heard->next_due_at, -1);
    ck_assert(!g.heard->has_gap && !g.heard->keys_changed);
    ears_end(&g);
}

static size_t count_lines(struct pg *c, const char *begins, size_t *payloads, struct err *e)
{
    struct pg_notification news = {0};
    size_t lines = 0;
    *payloads = 0;
    while (OK(pg_wait_notify(c, 0, 100, &news, e)), news.channel.p) {
        struct str rest = news.payload, first = str_cut(rest, '\n', &rest);
        ck_assert(str_find(first, STR(" node "), 0) == 16 && news.payload.n < 8000);
        for (*payloads += 1; rest.n;) {
            ck_assert(str_starts(str_cut(rest, '\n', &rest), str_from(begins)));
            lines++;
        }
    }
    return lines;
}

static void tell_rounds(struct pg_engine *s, int64_t jobs)
{
    struct store_round *r = store_round_new();
    for (int64_t i = 0; i < jobs; i++) {
        struct store_change *c = store_round_add(r);
        c->tenant = 7;
        c->job = id_random(1900000000000LL);
        c->queue = STR("mail");
        c->kind = STR("send");
    }
    atomic_store(&s->nodes.is_joined, true);
    atomic_store(&s->nodes.others_listen, true);
    atomic_store(&s->nodes.others_watch, true);
    notify_round(s, r);
    store_round_free(r);
}

PG_TEST(news_leaves_in_whole_lines_and_too_much_of_it_as_one_word)
{
    struct ears g;
    size_t payloads = 0;
    ears_begin(&g);
    OK(pg_sql_load(e));
    OK(pg_exec(c, "LISTEN stint", e));
    g.engine.nodes.link.c = pg_rig_connect(pg_rig_server(&(const char *){NULL}));
    tell_rounds(&g.engine, 1000);
    OK(notify_send(&g.engine, e));
    CHECK_INT(count_lines(c, "job 7 ", &payloads, e), 1000);
    ck_assert_int_gt((int)payloads, 5);
    OK(notify_send(&g.engine, e));
    CHECK_INT(count_lines(c, "", &payloads, e), 0);
    tell_rounds(&g.engine, 10000);
    OK(notify_send(&g.engine, e));
    ck_assert_int_ge((int)count_lines(c, "", &payloads, e), 1);
    ears_end(&g);
}

PG_TEST(a_server_that_another_has_replaced_is_refused)
{
    const char *why = "";
    struct fence fence = {0};
    struct link l;
    link_init(&l, pg_rig_server(&why), LINK_COMMITTER, 0);
    l.fence = &fence;
    OK(link_open(&l, e));
    link_close(&l);
    CHECK_INT(fence.timeline, pg_rig_int(c, "SELECT timeline_id FROM pg_control_checkpoint()"));
    fence.timeline++;
    CHECK_INT(link_open(&l, e), RC_BUSY);
    ck_assert(str_find(str_from(e->text), STR("is an old primary"), 0) < strlen(e->text));
    link_close(&l);
}

PG_TEST(a_connection_to_a_server_that_another_has_replaced_is_given_up)
{
    const char *why = "";
    struct fence fence = {0};
    struct link l;
    link_init(&l, pg_rig_server(&why), LINK_COMMITTER, 0);
    l.fence = &fence;
    OK(link_ready(&l, 0, e));
    OK(link_ready(&l, 0, e));
    fence.timeline++; /* another link has heard of it */
    FAILS(link_ready(&l, 0, e), RC_BUSY);
    CHECK_TRUE(l.c == NULL);
    fence.timeline--;
    OK(link_open(&l, e));
    link_close(&l);
}

PG_TEST(a_role_without_rights_may_ask_for_the_timeline)
{
    char dsn[600];
    struct fence fence = {0};
    struct link l;
    OK(pg_exec(c, "CREATE ROLE timeline_asker LOGIN", e));
    const char *why = "", *server = pg_rig_server(&why);
    const char *at = strchr(server, '@');
    str_print(dsn, sizeof dsn, "postgresql://timeline_asker%s", at);
    link_init(&l, dsn, LINK_COMMITTER, 0);
    l.fence = &fence;
    enum rc rc = link_open(&l, e);
    link_close(&l);
    OK(pg_exec(c, "DROP ROLE timeline_asker", NULL));
    CHECK_INT(rc, RC_OK);
    ck_assert_int_gt((int)fence.timeline, 0);
}
