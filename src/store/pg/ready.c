/* ready.c: what a round has made ready, or only had locked, for the claims that come (heads.h). */
#include "store/pg/rows.h"

/* Jobs of one line and priority mostly stand together: one note for all of them. */
struct notes {
    struct heads *heads;
    struct lanes *lanes;
    struct line name;
    int64_t priority;
    struct place at;
};

static void tell(struct notes *n)
{
    if (n->name.kind.n) {
        heads_note(n->heads, &n->name, n->priority, n->at);
    }
}

static void see(struct notes *n, const struct row *r)
{
    struct place at = {r->run_at, r->id};
    if (r->state != JOB_QUEUED) {
        return;
    }
    if (r->flags & FLAG_LANED) {
        const struct lane_name lane = {r->tenant, r->queue, r->kind, r->group, r->limits};
        lanes_note(n->lanes, &lane, (struct lane_head){r->priority, r->run_at, r->id});
        return;
    }
    bool is_same = n->priority == r->priority && n->name.tenant == r->tenant &&
                   str_eq(n->name.queue, r->queue) && str_eq(n->name.kind, r->kind);
    if (!is_same) {
        tell(n);
        n->name = (struct line){.tenant = r->tenant, .queue = r->queue, .kind = r->kind};
        n->priority = r->priority;
        n->at = at;
    } else if (at.run_at < n->at.run_at ||
               (at.run_at == n->at.run_at && memcmp(&at.id, &n->at.id, sizeof at.id) < 0)) {
        n->at = at;
    }
}

void claims_see_ready(struct committer *w, bool is_done)
{
    struct notes n = {.heads = &w->engine->heads, .lanes = &w->engine->lanes};
    for (const struct new_job *j = w->work.jobs.first; j; j = j->next) {
        see(&n, &j->row);
    }
    for (const struct pg_row *r = w->work.rows.first; r; r = r->next) {
        if (!r->is_gone) {
            see(&n, is_done ? &r->row : &r->was);
        }
    }
    tell(&n);
}
