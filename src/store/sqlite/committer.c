/* committer.c: the thread that turns writes into rounds. */
#include "store/sqlite/sqlite.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

/* When the log goes into the database, in pages of 4 KiB. A short pause between two operations is no idleness: somebody
 * who sends one request after the other would wait for a checkpoint in every few hundredth. */
#define WAL_QUIET_PAGES  1000 /* when nobody asked for WAL_QUIET_MS */
#define WAL_QUIET_MS     10
#define WAL_IDLE_PAGES   4000 /* when nobody waits; at writer.wal_hard_pages even if operations wait */
#define WAL_USED_COMMITS 32   /* a store in use: its log is made long ahead, in quiet moments */

/* ---- health */

/* RC_FATAL stays for ever (J17). */
void engine_set_health(struct engine *s, enum rc rc)
{
    int seen = atomic_load(&s->health);
    while (seen != RC_FATAL && !atomic_compare_exchange_weak(&s->health, &seen, (int)rc)) {
    }
}

void engine_refuse(struct engine *s, struct store_op *list)
{
    struct store_round *r = store_round_new();
    for (struct store_op *op = list; op; op = op->next) {
        store_answer(op, RC_FATAL, NULL, "the store has failed and can no longer be trusted; see the log");
    }
    r->done = list;
    store_deliver(&s->base, r);
}

/* ---- the thread */

static void move_wal(struct writer *w)
{
    struct err e = {0};
    if (atomic_load(&w->engine->health) == RC_FATAL) {
        return;
    }
    enum rc rc = FAULT("store.checkpoint") ? err_set(&e, RC_FATAL, "fault: checkpoint")
                                           : db_checkpoint(w->db, false, &e);
    if (rc == RC_FULL) { /* the database could not grow; what it holds stands in the WAL */
        space_release(w);
    } else if (rc && rc != RC_BUSY) {
        log_error("store.failed", L_C("what", "checkpoint"), L_C("error", e.text));
        engine_set_health(w->engine, RC_FATAL);
    }
}

static void tidy_wal(struct writer *w)
{
    int64_t pages = db_wal_pages(w->db);
    if (pages > w->wal_hard_pages ||
        (pages > WAL_IDLE_PAGES && !op_queue_is_waited_for(&w->engine->writes))) {
        move_wal(w);
    }
}

static void lengthen_wal(struct writer *w)
{
    struct err e = {0};
    int64_t pages = w->wal_hard_pages < WAL_IDLE_PAGES ? w->wal_hard_pages : WAL_IDLE_PAGES;
    enum rc rc = db_lengthen_log(w->db, pages, &w->is_wal_long, &e);
    if (rc == RC_FULL) { /* then the log grows as it must */
        w->is_wal_long = true;
    } else if (rc) {
        log_error("store.failed", L_C("what", "log"), L_C("error", e.text));
        engine_set_health(w->engine, RC_FATAL);
    }
}

static bool wants_room(const struct writer *w)
{
    return !w->is_wal_long && !w->engine->is_memory && !w->keeper.is_refusing &&
           atomic_load(&w->engine->health) == RC_OK && db_wal_commits(w->db) > WAL_USED_COMMITS;
}

/* What is left to do when nobody asks for anything. False: nothing, sleep. */
static bool use_quiet(struct engine *s, bool is_full)
{
    struct writer *w = s->writer;
    if (is_full) {
        space_look(w);
        return true;
    }
    if (db_wal_pages(w->db) > WAL_QUIET_PAGES) {
        move_wal(w);
        return wants_room(w);
    }
    if (!wants_room(w)) {
        return false;
    }
    lengthen_wal(w);
    return true;
}

void *committer_main(void *arg)
{
    struct engine *s = arg;
    bool is_over = false, is_quiet = false; /* quiet: nothing is left to do, sleep */
    while (!is_over) {
        /* A full disk is looked at although nobody writes: a server that is not ready is sent nothing. */
        bool is_full = s->writer->keeper.is_refusing && atomic_load(&s->health) == RC_FULL;
        bool has_work = !is_quiet && (wants_room(s->writer) || db_wal_pages(s->writer->db) > WAL_QUIET_PAGES);
        int64_t wait_ms = is_full ? SPACE_LOOK_MS : has_work ? WAL_QUIET_MS : 0;
        struct store_op *list = op_queue_take_all(&s->writes, wait_ms, &is_over);
        is_quiet = !list && !is_over && !use_quiet(s, is_full);
        while (list) {
            if (atomic_load(&s->health) == RC_FATAL) {
                engine_refuse(s, list);
                break;
            }
            list = round_run(s->writer, list);
            tidy_wal(s->writer);
        }
    }
    return NULL;
}
