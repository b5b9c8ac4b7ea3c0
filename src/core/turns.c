/* turns.c: see turns.h. */
#include "core/turns.h"

#include "base/json.h"
#include "core/job.h"

static enum rc bad(struct err *e, const char *what)
{
    return err_set_code(e, RC_INVALID, "invalid_field", "group_weights", "group_weights %s", what);
}

static enum rc read_weight(const struct json *v, struct group_weight *to, struct err *e)
{
    if (v->name.n > JOB_KEY_MAX_BYTES + 1 || !str_is_utf8(v->name) ||
        str_find_char(v->name, '\0', 0) < v->name.n) {
        return bad(e, "must name groups: at most 256 bytes of text, perhaps with a * behind");
    }
    if (v->type != JSON_INT || v->i < 1 || v->i > GROUP_WEIGHT_MAX) {
        return bad(e, "must have weights from 1 to 1000");
    }
    *to = (struct group_weight){v->name, v->i};
    return RC_OK;
}

/* Into its place among those before it. */
static void sort_in(struct group_weight *items, size_t at)
{
    struct group_weight item = items[at];
    while (at > 0 && str_compare(items[at - 1].group, item.group) > 0) {
        items[at] = items[at - 1];
        at--;
    }
    items[at] = item;
}

enum rc group_weights_read(struct str json, struct arena *a, struct group_weights *out, struct err *e)
{
    struct group_weights w = {0};
    struct json *object = NULL;
    if (!json.n) {
        *out = w;
        return RC_OK;
    }
    if (json.n > GROUP_WEIGHTS_ROOM || json_parse(json, a, &object, NULL) || object->type != JSON_OBJECT ||
        object->count > GROUP_WEIGHTS_MAX) {
        return bad(e, "must be an object of at most 100 groups and their weights");
    }
    enum rc rc = RC_OK;
    w.items = arena_array(a, struct group_weight, object->count + 1);
    for (const struct json *v = object->first; v && !rc; v = v->next) {
        rc = read_weight(v, &w.items[w.count], e);
        if (!rc) {
            sort_in(w.items, w.count++);
        }
    }
    if (!rc) {
        *out = w;
    }
    return rc;
}

void group_weights_write(const struct group_weights *w, struct buf *out)
{
    struct json_out j = json_writer(out);
    if (!w->count) {
        return;
    }
    json_object_begin(&j);
    for (size_t i = 0; i < w->count; i++) {
        json_name_str(&j, w->items[i].group);
        json_int(&j, w->items[i].weight);
    }
    json_object_end(&j);
}

int64_t group_weight_of(const struct group_weights *w, struct str group)
{
    const struct group_weight *longest = NULL;
    for (size_t i = 0; i < w->count; i++) {
        const struct group_weight *g = &w->items[i];
        bool is_pattern = str_ends(g->group, STR("*"));
        if (str_eq(g->group, group)) {
            return g->weight;
        }
        if (is_pattern && str_starts(group, str_sub(g->group, 0, g->group.n - 1)) &&
            (!longest || g->group.n > longest->group.n)) {
            longest = g;
        }
    }
    return longest ? longest->weight : 1;
}

int64_t turn_start(int64_t next, int64_t now)
{
    return next > now ? next : now;
}

int64_t turn_end(int64_t start, int64_t weight)
{
    return start + TURN_TIME / weight;
}

int64_t priority_aged(int64_t priority, int64_t run_at, int64_t step_ms, int64_t now)
{
    return step_ms > 0 && now > run_at ? priority - (now - run_at) / step_ms : priority;
}
