/* committer.c: the thread that turns writes into rounds. */
#include "store/pg/care.h"
#include "store/pg/keeper.h"

#include "base/clock.h"

void committer_init(struct committer *w, struct pg_engine *s, int number)
{
    *w = (struct committer){.keeper = {.engine = &pg_keeper, .store = &s->base, .scratch = arena_new()},
                            .engine = s,
                            .number = number};
    op_queue_init(&w->ops);
    link_init(&w->link, s->dsn, number >= s->committer_count ? LINK_SLOW : LINK_COMMITTER, s->stop_fd);
    w->link.fence = &s->fence;
}

void committer_dispose(struct committer *w)
{
    link_close(&w->link);
    settings_dispose(&w->settings);
    map_dispose(&w->work.row_by_id);
    map_dispose(&w->work.count_by_key);
    map_dispose(&w->work.key_by_name);
    map_dispose(&w->work.waiting_by_queue);
    map_dispose(&w->work.schedule_by_name);
    map_dispose(&w->work.note_by_job);
    map_dispose(&w->work.limit_by_key);
    arena_free(w->keeper.scratch);
}

/* The slow lane runs operations one by one, in turn: each may wait for a stranger. */
static struct store_op *run_one(struct committer *w, struct store_op *list)
{
    struct store_op *rest = list->next;
    bool is_over = false;
    list->next = NULL;
    if (list->until_us && clock_mono_us() > list->until_us) {
        struct err e = {0};
        (void)!pg_round_blame_lock(&e);
        pg_engine_refuse(w->engine, list, &e);
        list = rest;
    } else {
        list = ops_append(rest, pg_round_run(w, list));
    }
    return list ? ops_append(list, op_queue_take_all(&w->ops, 1, &is_over)) : list;
}

/* What has waited behind an answer that did not come has waited long enough: the next may not come either, while the
 * database takes connections (a COMMIT waits there for a standby that is away). */
static struct store_op *refuse_behind_silence(struct committer *w, struct store_op *list)
{
    struct err e = {0};
    bool is_over = false;
    if (!w->link.is_silent) {
        return list;
    }
    list = ops_append(list, op_queue_take_all(&w->ops, 1, &is_over));
    if (list) {
        (void)err_set_code(&e, RC_BUSY, "store_unavailable", NULL, PG_AWAY);
        pg_engine_refuse(w->engine, list, &e);
    }
    return NULL;
}

void *pg_committer_main(void *arg)
{
    struct committer *w = arg;
    bool is_slow = w->number == w->engine->committer_count, is_over = false;
    while (!is_over) {
        struct store_op *list = op_queue_take_all(&w->ops, is_slow ? care_wait_ms(w) : 0, &is_over);
        atomic_store(&w->is_busy, list != NULL);
        while (list) {
            list = refuse_behind_silence(w, is_slow ? run_one(w, list) : pg_round_run(w, list));
        }
        atomic_store(&w->is_busy, false);
        if (is_slow && !is_over && !atomic_load(&w->engine->is_outdated)) {
            pg_engine_look(w);
            scout_run(w);
            care_run(w);
            (void)refuse_behind_silence(w, NULL);
        }
    }
    return NULL;
}
