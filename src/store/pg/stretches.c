/* stretches.c: see stretches.h. */
#include "store/pg/stretches.h"

struct stretch_list {
    int64_t *first, *last;
    size_t lines;
    int64_t *priority, *run_at, *up_to;
    struct id *id;
    size_t count;
};

struct stretch_list *stretches_new(struct arena *a, size_t lines)
{
    struct stretch_list *l = arena_alloc(a, sizeof *l);
    size_t room = lines * STRETCHES_MAX + 1;
    *l = (struct stretch_list){.first = arena_array(a, int64_t, lines + 1),
                               .last = arena_array(a, int64_t, lines + 1),
                               .priority = arena_array(a, int64_t, room),
                               .run_at = arena_array(a, int64_t, room),
                               .up_to = arena_array(a, int64_t, room),
                               .id = arena_array(a, struct id, room)};
    return l;
}

void stretches_add(struct stretch_list *l, const struct stretch *all, int count)
{
    l->first[l->lines] = (int64_t)l->count + 1;
    for (int i = 0; i < count; i++, l->count++) {
        l->priority[l->count] = all[i].priority;
        l->run_at[l->count] = all[i].from.run_at;
        l->id[l->count] = heads_id(all[i].from);
        l->up_to[l->count] = all[i].up_to;
    }
    l->last[l->lines++] = (int64_t)l->count;
}

void stretches_bind(struct pg_query *q, const struct stretch_list *l)
{
    pg_bind_ints(q, l->first, l->lines);
    pg_bind_ints(q, l->last, l->lines);
    pg_bind_ints(q, l->priority, l->count);
    pg_bind_ints(q, l->run_at, l->count);
    pg_bind_uuids(q, l->id, l->count);
    pg_bind_ints(q, l->up_to, l->count);
}

void stretches_bind_crowded(struct pg_query *q, struct heads *h, int64_t tenant)
{
    struct line *lines = NULL;
    size_t count = heads_crowded(h, tenant, q->a, &lines);
    struct stretch_list *l = stretches_new(q->a, count);
    struct str *queues = arena_array(q->a, struct str, count + 1);
    struct str *kinds = arena_array(q->a, struct str, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct stretch all[STRETCHES_MAX];
        bool is_full = false;
        stretches_add(l, all, heads_stretches(h, &lines[i], all, &is_full));
        queues[i] = lines[i].queue;
        kinds[i] = lines[i].kind;
    }
    pg_bind_strs(q, queues, count);
    pg_bind_strs(q, kinds, count);
    stretches_bind(q, l);
}
