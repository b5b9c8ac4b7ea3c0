/* shape.c: see shape.h. */
#include "store/pg/shape.h"

#include "store/pg/sql.h"

#include "base/asset.h"

#define TOLD_MAX       4
#define TOLD_MAX_BYTES 240 /* the text of an error is short, and what to do stands at its end */
#define ONE_MAX_BYTES  180 /* names and types may be as long as somebody liked */

static struct str describe(struct arena *a, const struct pg_rows *r, size_t at)
{
    struct str object = pg_str(r, at, 0), is = pg_str(r, at, 1), should = pg_str(r, at, 2);
    if (pg_is_null(r, at, 1)) {
        return arena_printf(a, "%.*s is missing", STR_ARG(object));
    }
    if (pg_is_null(r, at, 2)) {
        return arena_printf(a, "%.*s is there and should not be", STR_ARG(object));
    }
    return arena_printf(a, "%.*s is %.*s and should be %.*s", STR_ARG(object), STR_ARG(is), STR_ARG(should));
}

static enum rc refuse(const struct pg_rows *r, struct err *e)
{
    struct arena *a = arena_new();
    struct str text = STR_NONE;
    size_t told = 0, count = pg_count(r);
    for (; told < count && told < TOLD_MAX; told++) {
        char one[ONE_MAX_BYTES];
        str_copy(one, sizeof one, describe(a, r, told));
        struct str longer = arena_printf(a, "%.*s%s%s", STR_ARG(text), told ? "; " : "", one);
        if (told && longer.n > TOLD_MAX_BYTES) {
            break;
        }
        text = longer;
    }
    struct str rest = told < count ? arena_printf(a, "; and %zu more", count - told) : STR("");
    err_set(e, RC_FATAL,
            "the schema stint was changed by hand: %.*s%.*s; undo the change (docs/postgresql.md says what "
            "may be changed)",
            STR_ARG(text), STR_ARG(rest));
    arena_free(a);
    return RC_FATAL;
}

static enum rc expect_nothing(struct pg *c, enum pg_sql_query sql, const struct pg_query *q, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = pg_run(c, pg_sql(sql), q, &r, e);
    if (!rc && pg_count(r)) {
        rc = refuse(r, e);
    }
    pg_rows_free(r);
    return rc;
}

static enum rc is_right(struct pg *c, const struct pg_query *shape, bool *out, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = pg_run(c, pg_sql(PG_SQL_SHAPE_IS_RIGHT), shape, &r, e);
    if (!rc) {
        *out = pg_bool(r, 0, 0);
    }
    pg_rows_free(r);
    return rc;
}

enum rc pg_shape_check(struct pg *c, struct err *e)
{
    struct arena *a = arena_new();
    struct pg_query shape = PG_QUERY(a);
    bool right = false;
    pg_bind_str(&shape, asset_get("sql/pg/shape.txt"));
    enum rc rc = is_right(c, &shape, &right, e);
    if (!rc && !right) {
        rc = expect_nothing(c, PG_SQL_SHAPE_DIFFERENCES, &shape, e);
    }
    if (!rc) {
        rc = expect_nothing(c, PG_SQL_SHAPE_ROWS, NULL, e);
    }
    arena_free(a);
    return rc;
}
