/* cron_next.c: answers questions about cron expressions line by line, for tests in other languages:
 * `EXPRESSION <tab> ZONE <tab> AFTER (unix ms) <tab> COUNT` → the next COUNT ticks with blanks between them, `! ` and what is
 * wrong, or as many ticks as there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/zoneinfo.h"
#include "core/cron.h"

/* The zone of the last line: tests ask for many in a row. */
struct zone_memory {
    struct arena *a;
    char name[ZONEINFO_NAME_MAX_BYTES + 1];
    const struct zone *zone;
};

static enum rc find_zone(struct zone_memory *m, struct str name, struct err *e)
{
    struct buf bytes = BUF_LIMIT(ZONEINFO_MAX_BYTES);

    if (m->zone && str_eq(str_from(m->name), name)) {
        return RC_OK;
    }
    m->zone = NULL;
    arena_reset(m->a);
    enum rc rc = zoneinfo_read(ZONEINFO_FOLDER, name, &bytes, e);
    if (!rc) {
        rc = zone_parse(buf_str(&bytes), m->a, &m->zone, e);
        str_copy(m->name, sizeof m->name, name);
    }
    buf_dispose(&bytes);
    return rc;
}

static enum rc answer(struct zone_memory *m, struct str line, struct err *e)
{
    struct cron c;
    struct str rest;
    int64_t after = 0, count = 0;
    struct str text = str_cut(line, '\t', &rest);
    struct str zone = str_cut(rest, '\t', &rest);
    struct str after_text = str_cut(rest, '\t', &rest);

    if (!str_to_i64(after_text, &after) || !str_to_i64(rest, &count)) {
        return err_set(e, RC_INVALID, "not a question");
    }
    enum rc rc = cron_parse(text, &c, e);
    if (!rc) {
        rc = find_zone(m, zone, e);
    }
    for (int64_t i = 0; !rc && i < count && cron_next(&c, m->zone, after, &after); i++) {
        printf("%s%lld", i > 0 ? " " : "", (long long)after);
    }
    return rc;
}

int main(void)
{
    struct zone_memory m = {.a = arena_new()};
    struct err e = {0};
    char *line = NULL;
    size_t cap = 0;

    for (ssize_t n = getline(&line, &cap, stdin); n > 0; n = getline(&line, &cap, stdin)) {
        if (answer(&m, str_trim((struct str){line, (size_t)n}), &e) != RC_OK) {
            printf("! %s", e.text);
        }
        printf("\n");
    }
    free(line);
    arena_free(m.a);
    return 0;
}
