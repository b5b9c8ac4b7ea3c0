/* family.c: jobs that hang under another. Nobody decides across jobs: whoever ends a job leaves a note to look after its
 * parent, in the transaction of the end; the tick takes the note, locks the parent, and decides by what it sees then. So no end
 * ever waits for a parent's row, and of two that end at once the one whose note is taken last finds both. */
#include "store/rules/rules.h"

#define CANCELS_AT_ONCE 200

static enum rc tell_owner(struct keeper *k, struct id owner, struct row *r, enum job_state from,
                          struct err *e)
{
    enum rc rc = k->engine->tally(k, owner, r, from, -1, e);
    if (!rc) {
        rc = k->engine->tally(k, owner, r, r->state, 1, e);
    }
    if (rc || !job_state_is_final(r->state)) {
        return rc;
    }
    const struct note note = {.tenant = r->tenant, .job = owner, .what = NOTE_CHILDREN};
    return k->engine->leave_note(k, &note, e);
}

enum rc rules_moved(struct keeper *k, struct row *r, enum job_state from, struct err *e)
{
    enum rc rc = r->flags & FLAG_CHILD ? tell_owner(k, r->parent, r, from, e) : RC_OK;
    return rc || !(r->flags & FLAG_MEMBER) ? rc : tell_owner(k, r->batch, r, from, e);
}

enum rc rules_park(struct keeper *k, struct row *r, struct err *e)
{
    const struct note note = {.tenant = r->tenant, .job = r->id, .what = NOTE_CHILDREN};
    return k->engine->leave_note(k, &note, e);
}

enum rc rules_cancel_children(struct keeper *k, const struct row *r, struct err *e)
{
    const struct note note = {.tenant = r->tenant, .job = r->id, .what = NOTE_CANCEL};
    return r->flags & FLAG_PARENT ? k->engine->leave_note(k, &note, e) : RC_OK;
}

/* ---- children in a report */

struct str rules_child_queue(const struct row *r, const struct job_spec *s)
{
    return s->queue.n ? s->queue : r->queue;
}

/* Those that wait for each other come all or not at all: where the batch has no room for all, they are dropped. */
static bool is_apart(const struct report *in, const struct job_links *l, size_t i)
{
    return !in->children[i].depends_count && !(l->is_awaited && l->is_awaited[i]);
}

/* Those who hang under it may not have heard of its cancel yet, which goes down a step a round; what they would attach to it
 * nobody would look for. */
static enum rc is_root_stopped(struct keeper *k, const struct row *r, const struct report *in,
                               bool *is_stopped, struct err *e)
{
    struct row *root = NULL;
    enum rc rc = RC_OK;
    bool attaches = false;
    for (size_t i = 0; i < in->child_count; i++) {
        attaches |= in->children[i].at_root;
    }
    if (attaches && r->flags & FLAG_CHILD) {
        rc = k->engine->load(k, r->tenant, r->root, &root, e);
    }
    *is_stopped = root && (root->flags & FLAG_STOPPED || root->state == JOB_CANCELLED);
    return rc;
}

/* A job that is being cancelled gets no more: what it had is being cancelled by those who saw it. */
enum rc rules_add_children(struct keeper *k, struct row *r, const struct store_report *op,
                           const struct report *in, struct report_verdict *v, struct err *e)
{
    bool is_ending = r->flags & (FLAG_CANCEL | FLAG_LAST_TURN);
    struct joining joining = {0};
    struct job_links links = {0};
    size_t bad = 0;
    bool is_stopped = false;
    enum rc rc = rules_check_child_links(k, in, &links, &bad, e);
    rc = rc ? rc : is_root_stopped(k, r, in, &is_stopped, e);
    bool is_short = is_stopped;
    v->children = arena_array(op->op.a, struct enqueue_verdict, in->child_count);
    v->child_count = in->child_count;
    for (size_t i = 0; i < in->child_count && !rc; i++) {
        const struct job_spec *s = &in->children[i];
        struct id root = r->flags & FLAG_CHILD ? r->root : r->id;
        struct berth at = {.tenant = r->tenant,
                           .queue = rules_child_queue(r, s),
                           .only_queues = op->only_queues,
                           .parent = s->at_root ? root : r->id,
                           .root = root,
                           .is_awaited = links.is_awaited && links.is_awaited[i],
                           .adder = r};
        if (!is_ending && r->flags & FLAG_MEMBER) {
            rc = rules_join_parents(k, r, &joining, &at, e);
            is_short |= joining.room < (int64_t)(in->child_count - i);
        }
        if (is_ending || (is_stopped && s->at_root) || (r->flags & FLAG_MEMBER && joining.room <= 0) ||
            (is_short && !is_apart(in, &links, i))) {
            v->children[i].dropped = true;
            continue;
        }
        rc = rc ? rc : rules_enqueue_one(k, &at, s, &v->children[i], e);
        joining.room -= !v->children[i].duplicate;
        if (id_eq(at.parent, r->id)) { /* a root has children already: its own report began the tree */
            r->flags |= FLAG_PARENT;
        }
    }
    const struct added added = {r->tenant, r, v->children, v->child_count};
    return rc ? rc : rules_link(k, &added, &links, e);
}

/* ---- the root's stream */

enum rc rules_tell_root(struct keeper *k, const struct row *r, const struct report *in, struct err *e)
{
    struct row *root = NULL;
    enum rc rc = k->engine->load(k, r->tenant, r->root, &root, e);
    if (rc || !root || job_state_is_final(root->state)) {
        return rc;
    }
    for (size_t i = 0; i < in->event_count && !rc; i++) {
        if (in->events[i].at_root) {
            rc = row_add_event(k, root, in->events[i].type, in->events[i].data, e);
        }
    }
    row_changed(k, root);
    return rc ? rc : k->engine->save(k, root, e);
}

/* ---- notes */

enum rc rules_unblock(struct keeper *k, struct row *r, struct err *e)
{
    r->flags &= ~(int64_t)FLAG_WAITS;
    enum rc rc = row_enter(k, r, r->run_at > k->now ? JOB_SCHEDULED : JOB_QUEUED, e);
    return rc ? rc : k->engine->save(k, r, e);
}

static enum rc look_at_children(struct keeper *k, struct row *r, struct err *e)
{
    struct job_children c = {0};
    if (r->flags & FLAG_BATCH) {
        return rules_look_at_batch(k, r, e);
    }
    if (r->state != JOB_BLOCKED || !(r->flags & FLAG_WAITS)) {
        return RC_OK;
    }
    enum rc rc = k->engine->count_children(k, r, &c, e);
    return rc || c.open > 0 ? rc : rules_unblock(k, r, e);
}

/* Some of them; the rest is left to another note. */
static enum rc cancel_some(struct keeper *k, struct row *r, int64_t from, struct err *e)
{
    struct open_children open = {
        .ids = arena_array(k->scratch, struct id, CANCELS_AT_ONCE), .room = CANCELS_AT_ONCE, .from = from};
    enum rc rc = k->engine->find_open_children(k, r, &open, e);
    for (size_t i = 0; i < open.count && !rc; i++) {
        struct row *child = NULL;
        struct act_verdict v = {0};
        rc = k->engine->load(k, r->tenant, open.ids[i], &child, e);
        if (!rc && child) {
            rc = rules_act_on(k, ACT_CANCEL, child, &v, e);
        }
    }
    const struct note rest = {.tenant = r->tenant, .job = r->id, .what = NOTE_CANCEL, .from = open.from};
    return rc || !open.more ? rc : k->engine->leave_note(k, &rest, e);
}

enum rc rules_take_note(struct keeper *k, struct row *r, const struct note *note, struct err *e)
{
    if (r->flags & FLAG_FILLING) { /* its jobs are hidden still; whoever ends that leaves another */
        return RC_OK;
    }
    return note->what == NOTE_CHILDREN ? look_at_children(k, r, e) : cancel_some(k, r, note->from, e);
}
