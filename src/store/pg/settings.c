/* settings.c: the settings of all queues, by heart. A committer reads the table once and then goes by what it knows; each round
 * makes the database check, in a trip that it makes anyway, that this is still the newest version (round_clock asks,
 * count_add insists), so that a change at any node counts from the moment it is answered. */
#include "store/pg/postgres.h"

#include <stdlib.h>
#include <string.h>

static const struct queue_settings unset = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, STR("")};

static struct str entry_name(char *room, int64_t tenant, struct str name)
{
    memcpy(room, &tenant, sizeof tenant);
    memcpy(room + sizeof tenant, name.p, name.n);
    return (struct str){room, sizeof tenant + name.n};
}

static const struct queue_entry *read_entry(struct settings *s, const struct pg_rows *r, size_t at)
{
    struct queue_entry *q = arena_alloc(s->a, sizeof *q);
    int64_t *members[QUEUE_SETTINGS];
    q->tenant = pg_int(r, at, 0);
    q->name = arena_str(s->a, pg_str(r, at, 1));
    q->is_paused = pg_bool(r, at, 2);
    q->deleted_total = pg_is_null(r, at, 3) ? -1 : pg_int(r, at, 3);
    s->has_deleted |= q->deleted_total >= 0;
    settings_members(&q->settings, members);
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        *members[i] = pg_int(r, at, 4 + i);
    }
    s->has_aging |= q->settings.age_step_ms > 0;
    char *room = arena_alloc(s->a, sizeof q->tenant + q->name.n);
    map_put(&s->queues, entry_name(room, q->tenant, q->name), q);
    return q;
}

static const enum job_state final[] = {JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED};
#define FINAL (sizeof final / sizeof final[0])

static void note_retentions(struct settings *s, const struct queue_settings *q)
{
    for (size_t i = 0; i < FINAL; i++) {
        s->retentions[s->retention_count++] = settings_retention_ms(q, final[i]);
    }
}

static int by_length(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void sort_retentions(struct settings *s)
{
    size_t count = 0;
    qsort(s->retentions, s->retention_count, sizeof *s->retentions, by_length);
    for (size_t i = 0; i < s->retention_count; i++) {
        if (!count || s->retentions[count - 1] != s->retentions[i]) {
            s->retentions[count++] = s->retentions[i];
        }
    }
    s->retention_count = count;
}

static void read_all(struct settings *s, const struct pg_rows *rows)
{
    map_clear(&s->queues);
    s->a = s->a ? s->a : arena_new();
    arena_reset(s->a);
    s->retentions = arena_array(s->a, int64_t, (pg_count(rows) + 1) * FINAL);
    s->retention_count = 0;
    s->has_deleted = s->has_aging = false;
    note_retentions(s, &unset);
    for (size_t i = 0; i < pg_count(rows); i++) {
        note_retentions(s, &read_entry(s, rows, i)->settings);
    }
    sort_retentions(s);
}

/* A migration raises the version too: no round is committed that has not seen whether we are still the program for it. */
static enum rc check_program(struct committer *w, struct err *e)
{
    struct pg_rows *rows = NULL;
    enum rc rc = pg_run(w->link.c, pg_sql(PG_SQL_MIGRATION_OLDEST), NULL, &rows, e);
    if (!rc) {
        rc = pg_engine_see_program(w->engine, pg_int(rows, 0, 0), e);
    }
    pg_rows_free(rows);
    return rc;
}

enum rc settings_load(struct committer *w, struct err *e)
{
    struct settings *s = &w->settings;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *version = NULL, *rows = NULL;
    pg_bind_int_or_null(&q, false, 0);
    /* The version first: a change between the two makes the next check fail, not this one pass. */
    enum rc rc = pg_run(w->link.c, pg_sql(PG_SQL_ROUND_CLOCK), &q, &version, e);
    rc = rc ? rc : check_program(w, e);
    if (!rc) {
        rc = pg_run(w->link.c, pg_sql(PG_SQL_SETTINGS_ALL), NULL, &rows, e);
    }
    if (!rc) {
        read_all(s, rows);
        s->version = pg_int(version, 0, 1);
        w->prepared_day = 0;
    }
    pg_rows_free(rows);
    pg_rows_free(version);
    return rc;
}

void settings_dispose(struct settings *s)
{
    map_dispose(&s->queues);
    arena_free(s->a);
}

const struct queue_entry *settings_find(const struct settings *s, int64_t tenant, struct str name)
{
    char room[sizeof tenant + JOB_NAME_MAX_BYTES];
    return name.n <= JOB_NAME_MAX_BYTES ? map_get(&s->queues, entry_name(room, tenant, name)) : NULL;
}

const struct queue_settings *settings_of(const struct settings *s, int64_t tenant, struct str name)
{
    const struct queue_entry *q = settings_find(s, tenant, name);
    return q ? &q->settings : &unset;
}
