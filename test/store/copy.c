/* `stint copy`, below the command: every store to every other one. */
#include "copy_rig.h"

#include "base/fault.h"
#include "base/id.h"
#include "db/db.h"
#include "differential.h"
#include "pg_rig.h"

#include <stdio.h>
#include <string.h>

/* For each engine that can be a target here; the source is the engine of the test. */
#define EACH_TARGET(url)                                                                                     \
    for (int target_ = 0; target_ < COPY_ENGINES; target_++)                                                 \
        for (const char *url = copy_target(copy_engines[target_]); url; url = NULL)

static void copy_there_and_compare(struct store_test *s, const char *url)
{
    reopen(s); /* so that leases have their grace on both sides */
    struct str before = copy_dump(s);
    copy_and_open(s, url);
    copy_check_same(copy_dump(s), before);
}

DURABLE_STORE_TEST(a_copy_shows_all_that_its_source_showed)
{
    copy_a_world(s);
    EACH_TARGET(url)
    {
        copy_there_and_compare(s, url); /* the next one is a copy of this */
    }
}

DURABLE_STORE_TEST(what_was_held_in_the_source_is_held_in_the_copy)
{
    copy_a_world(s);
    struct job_spec spec = {.kind = STR("k"), .args = STR("1")};
    AN_OP(s, first, store_enqueue, STORE_ENQUEUE);
    first.tenant = s->tenant;
    first.specs = &spec;
    first.count = 1;
    first.idempotency_key = STR("once");
    run_op(s, &first.op);
    EACH_TARGET(url)
    {
        copy_and_open(s, url);
        CHECK_TRUE(enqueue(s, .unique_key = STR("for ever")).duplicate);
        CHECK_TRUE(enqueue(s, .unique_key = STR("an hour")).duplicate);
        CHECK_TRUE(enqueue(s, .queue = STR("mail"), .unique_key = STR("\xc3\xa9\n")).duplicate);
        CHECK_FALSE(enqueue(s, .unique_key = arena_printf(s->a, "again %d", target_)).duplicate);
        AN_OP(s, again, store_enqueue, STORE_ENQUEUE);
        again.tenant = s->tenant;
        again.specs = &spec;
        again.count = 1;
        again.idempotency_key = STR("once");
        run_op(s, &again.op);
        CHECK_TRUE(again.replayed);
        CHECK_ID(again.verdicts[0].job, first.verdicts[0].job);
        claim_none(s, .queue = STR("mail")); /* paused */
        CHECK_TRUE(!queue_of(s, STR("gone")));
    }
}

DURABLE_STORE_TEST(a_parent_goes_on_in_the_copy_when_its_last_child_has_ended)
{
    copy_a_world(s);
    EACH_TARGET(url)
    {
        copy_and_open(s, url);
    }
    tick(s);
    CHECK_INT(count_of(s, (struct job_filter){.queue = STR("tree"), .states = 1u << JOB_CANCELLED}), 2);
    struct job *child = claim_one(s, .queue = STR("parents"), .kind = STR("child"));
    VERDICT(complete(s, child, 1), RC_OK);
    tick(s);
    CHECK_STATE(s, child->parent, JOB_QUEUED);
    CHECK_ID(claim_one(s, .queue = STR("parents"))->id, child->parent);
    check_events(s, child->parent);
}

STORE_TEST_(random_stores_are_copied_whole, 60, NEEDS_DURABLE)
{
    struct chance c = chance_begin("copy");
    EACH_TARGET(url)
    {
        struct run *r = mem_alloc(sizeof *r);
        ask_begin(s, 1, 1);
        run_begin(r, s, chance_next(&c) >> 1, 2, BUG_NONE);
        run_go(r, NULL, 100);
        s->options.on_round = NULL;
        copy_there_and_compare(s, url);
        run_free(r);
        mem_free(r);
    }
    ask_end();
}

/* ---- leases (J3, J4) */

DURABLE_STORE_TEST(a_lease_of_the_source_goes_on_in_the_copy_and_new_ones_are_above_it)
{
    struct err err = {0};
    EACH_TARGET(url)
    {
        struct job *ends = a_processing_job(s, .queue = STR("a"));
        struct job *lost = a_processing_job(s, .queue = STR("b"));
        OK(stage_row(s, ends, STR("out"), STR("bytes"), &err));
        copy_and_open(s, url);
        VERDICT(complete(s, ends, 1, .result = STR("7")), RC_OK);
        CHECK_STATE(s, ends->id, JOB_COMPLETED);
        CHECK_STR(artifact_of(s, ends->id, STR("out")).artifact.bytes, STR("bytes"));
        pass(s, MINUTE);
        struct job *next = claim_one(s, .queue = STR("b"));
        CHECK_ID(next->id, lost->id);
        CHECK_TRUE(next->lease >> 32 == (lost->lease >> 32) + 1);
        VERDICT(complete(s, lost, 1), RC_LEASE_LOST);
        VERDICT(complete(s, next, 1), RC_OK);
        struct job *fresh = a_processing_job(s, .queue = STR("c"));
        CHECK_TRUE(fresh->lease >> 32 == next->lease >> 32);
        VERDICT(complete(s, fresh, 1), RC_OK);
    }
}

DURABLE_STORE_TEST(two_copies_of_one_store_never_give_the_same_lease)
{
    char source[sizeof s->url];
    int64_t leases[COPY_ENGINES] = {0};
    a_queued_job(s, .queue = STR("a"));
    str_copy(source, sizeof source, str_from(s->url));
    EACH_TARGET(url)
    {
        copy_and_open(s, url);
        leases[target_] = claim_one(s, .queue = STR("a"))->lease;
        copy_move(s, source);
        OK(store_open(&s->store, s->url, &s->options, e));
    }
    CHECK_TRUE(leases[0] != leases[1]);
}

DURABLE_STORE_TEST(ids_go_on_growing_in_the_copy)
{
    struct id newest = a_final_job(s, JOB_COMPLETED);
    VERDICT(purge(s, newest), RC_OK);
    EACH_TARGET(url)
    {
        copy_and_open(s, url);
        advance(s, -HOUR);
        struct id id = a_queued_job(s, .queue = STR("a"));
        CHECK_TRUE(id_ordinal(id) > id_ordinal(newest));
        newest = id;
    }
}

/* ---- ends that come early */

static void spoil(const char *url, const char *sqlite_sql, const char *pg_sql)
{
    struct err err = {0}, *e = &err;
    if (str_starts(str_from(url), STR("sqlite:"))) {
        const struct db_options o = {0};
        struct db *db = NULL;
        OK(db_open(url + 7, &o, &db, e));
        OK(db_exec(db, sqlite_sql, e));
        db_close(db);
        return;
    }
    struct pg *c = pg_rig_connect(url);
    OK(pg_exec(c, pg_sql, e));
    pg_close(c);
}

#ifdef STINT_FAULTS

struct cut {
    const char *fault;
    int nth;
    bool is_once; /* else again and again, each time a step further */
};

/* Returns how often it was cut before it was through. */
static int copy_with_cuts(struct store_test *s, const char *to, const struct cut *cut)
{
    struct err err = {0}, *e = &err;
    struct copy_progress p;
    struct store *opened = NULL;
    int cuts = 0;
    for (; cuts < 60; cuts++) {
        fault_arm(cuts && cut->is_once ? "" : cut->fault, "fail", cut->nth);
        enum rc rc = store_copy(s->url, to, NULL, &p, e);
        fault_disarm();
        if (!rc) {
            break;
        }
        ck_assert_msg(strstr(err.text, "fault: copy") != NULL, "%s", err.text);
        FAILS(store_open(&opened, to, &s->options, e), RC_FATAL);
        CHECK_TRUE(strstr(err.text, "unfinished copy") != NULL);
    }
    return cuts;
}

static void copy_cut_and_compare(struct store_test *s, const char *url, const struct cut *cut,
                                 struct str before)
{
    struct err err = {0}, *e = &err;
    char source[sizeof s->url], target[sizeof s->url];
    str_copy(source, sizeof source, str_from(s->url));
    str_copy(target, sizeof target, str_from(url));
    int count = copy_with_cuts(s, target, cut);
    CHECK_TRUE(cut->is_once ? count == 1 : count > 3 && count < 60);
    str_copy(s->url, sizeof s->url, str_from(target));
    OK(store_open(&s->store, s->url, &s->options, e));
    copy_check_same(copy_dump(s), before);
    copy_move(s, source);
}

STORE_TEST_(a_copy_that_is_cut_goes_on_where_it_ended, 60, NEEDS_DURABLE)
{
    static const struct cut cuts[] = {{"store.copy.committed", 2, false}, {"store.copy.commit", 2, false},
                                      {"store.copy.part", 6, true},       {"store.copy.write", 6, true},
                                      {"store.copy.read", 9, true},       {"store.copy.verify", 4, true},
                                      {"store.copy.finish", 1, true}};
    copy_a_world(s);
    copy_many_jobs(s, 5000);
    reopen(s);
    struct str before = copy_dump(s);
    store_close(s->store);
    s->store = NULL;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        EACH_TARGET(url)
        {
            bool is_chosen = is_server(s) ? i < 2 && target_ == (int)i : i == 0 || target_ == (int)(i % 2);
            if (is_chosen) { /* on a file each cut once, the first of them everywhere */
                copy_cut_and_compare(s, url, &cuts[i], before);
            }
        }
    }
    OK(store_open(&s->store, s->url, &s->options, e));
}

DURABLE_STORE_TEST(a_source_that_has_changed_since_is_refused)
{
    EACH_TARGET(url)
    {
        struct copy_progress p;
        char target[sizeof s->url];
        str_copy(target, sizeof target, str_from(url));
        a_queued_job(s, .queue = STR("a"));
        store_close(s->store);
        fault_arm("store.copy.commit", "fail", 4);
        FAILS(store_copy(s->url, target, NULL, &p, e), RC_FATAL);
        fault_disarm();
        OK(store_open(&s->store, s->url, &s->options, e));
        a_queued_job(s, .queue = STR("a"));
        store_close(s->store);
        FAILS(store_copy(s->url, target, NULL, &p, e), RC_CONFLICT);
        CHECK_TRUE(strstr(e->text, "has changed since") != NULL);
        OK(store_open(&s->store, s->url, &s->options, e));
    }
}

DURABLE_STORE_TEST(a_target_that_differs_is_found_and_named)
{
    struct id id = a_queued_job(s, .queue = STR("a"), .priority = 3);
    store_close(s->store);
    EACH_TARGET(url)
    {
        struct copy_progress p;
        fault_arm("store.copy.verify", "fail", 1);
        FAILS(store_copy(s->url, url, NULL, &p, e), RC_FATAL);
        fault_disarm();
        spoil(url, "UPDATE job SET priority = 4", "UPDATE stint.job SET priority = 4");
        FAILS(store_copy(s->url, url, NULL, &p, e), RC_FATAL);
        CHECK_TRUE(strstr(e->text, id_text(id).s) && strstr(e->text, "table job") &&
                   strstr(e->text, "priority"));
        spoil(url, "DELETE FROM job", "DELETE FROM stint.job");
        FAILS(store_copy(s->url, url, NULL, &p, e), RC_FATAL);
        CHECK_TRUE(strstr(e->text, id_text(id).s) && strstr(e->text, "the target does not have it"));
    }
    OK(store_open(&s->store, s->url, &s->options, e));
}

#endif

/* ---- refusals */

/* Older releases took them from a header and from a command line. */
FILE_STORE_TEST(bytes_that_are_no_text_are_found_before_postgresql_gets_them)
{
    static const struct {
        const char *spoil, *mend;
        const char *says[3];
    } bad[] = {
        {"UPDATE api_key SET name = CAST(x'61ff' AS TEXT)",
         "UPDATE api_key SET name = 'a'",
         {"table api_key", "row \"abcdefgh\": name", "UPDATE api_key SET name"}},
        {"INSERT INTO idempotency (tenant, key, body_hash, verdicts, expires_at) "
         "VALUES (1, CAST(x'636166e9' AS TEXT), x'00', x'00', 9999999999999)",
         "DELETE FROM idempotency",
         {"table idempotency", "row 1, \"caf\\xe9\": key", "24 hours"}},
    };
    struct copy_progress p;
    AN_OP(s, op, store_create_key, STORE_CREATE_KEY);
    op.key = (struct api_key){.public_id = STR("abcdefgh"),
                              .tenant_name = STR("default"),
                              .name = STR("n"),
                              .last4 = STR("abcd"),
                              .scopes = SCOPE_READ};
    run_op(s, &op.op);
    store_close(s->store);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *url = copy_target("pg");
        spoil(s->url, bad[i].spoil, "");
        if (url) {
            FAILS(store_copy(s->url, url, NULL, &p, e), RC_FATAL);
            for (size_t k = 0; k < sizeof bad[i].says / sizeof bad[i].says[0]; k++) {
                ck_assert_msg(strstr(e->text, bad[i].says[k]) != NULL, "%s", e->text);
            }
            err_clear(e);
        }
        spoil(s->url, bad[i].mend, "");
    }
    OK(store_open(&s->store, s->url, &s->options, e));
}

DURABLE_STORE_TEST(what_cannot_be_copied_is_refused)
{
    struct copy_progress p;
    a_queued_job(s, .queue = STR("a"));
    EACH_TARGET(url)
    {
        struct store *other = NULL;
        FAILS(store_copy("memory:", url, NULL, &p, e), RC_INVALID);
        FAILS(store_copy("mysql://a/b", url, NULL, &p, e), RC_INVALID);
        FAILS(store_copy(s->url, "memory:", NULL, &p, e), RC_INVALID);
        FAILS(store_copy(s->url, s->url, NULL, &p, e), RC_INVALID);
        if (!is_server(s)) { /* of PostgreSQL it is a node that counts, see below */
            FAILS(store_copy(s->url, url, NULL, &p, e), RC_BUSY);
            FAILS(store_copy(url, s->url, NULL, &p, e), target_ ? RC_BUSY : RC_NOT_FOUND);
        }
        OK(store_open(&other, url, &s->options, e));
        AN_OP(s, op, store_create_key, STORE_CREATE_KEY);
        op.key = (struct api_key){.public_id = STR("abcdefgh"),
                                  .tenant_name = STR("x"),
                                  .name = STR("n"),
                                  .last4 = STR("abcd"),
                                  .scopes = SCOPE_READ};
        OK(store_run(other, &op.op, e));
        store_close(other);
        store_close(s->store);
        FAILS(store_copy(s->url, url, NULL, &p, e), RC_CONFLICT);
        CHECK_TRUE(strstr(e->text, "not empty") != NULL);
        OK(store_open(&s->store, s->url, &s->options, e));
    }
}

DURABLE_STORE_TEST(a_finished_copy_is_not_copied_over)
{
    struct copy_progress p;
    char source[sizeof s->url];
    a_queued_job(s, .queue = STR("a"));
    str_copy(source, sizeof source, str_from(s->url));
    EACH_TARGET(url)
    {
        copy_and_open(s, url);
        store_close(s->store);
        FAILS(store_copy(source, s->url, NULL, &p, e), RC_CONFLICT);
        CHECK_TRUE(strstr(e->text, "finished copy") != NULL);
        str_copy(s->url, sizeof s->url, str_from(source));
        OK(store_open(&s->store, s->url, &s->options, e));
    }
}
