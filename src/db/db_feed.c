/* db_feed.c: rows in the program's memory as a table that statements read (a virtual table, known by its name alone). */
#include "db/db_int.h"

#include "base/arena.h"

struct table {
    sqlite3_vtab base; /* first: SQLite knows this part */
    const struct db_feed *feed;
};

struct cursor {
    sqlite3_vtab_cursor base;
    size_t row;
};

static const struct db_feed *feed_of(sqlite3_vtab_cursor *c)
{
    return ((const struct table *)c->pVtab)->feed;
}

static int feed_connect(sqlite3 *h, void *feed, int argc, const char *const *argv, sqlite3_vtab **out,
                        char **error)
{
    struct table *t = mem_alloc(sizeof *t);
    char declaration[512];
    (void)argc;
    (void)argv;
    (void)error;
    t->feed = feed;
    *out = &t->base;
    str_print(declaration, sizeof declaration, "CREATE TABLE feed (%s)", t->feed->columns);
    return sqlite3_declare_vtab(h, declaration);
}

static int feed_disconnect(sqlite3_vtab *t)
{
    mem_free(t);
    return SQLITE_OK;
}

static int feed_plan(sqlite3_vtab *t, sqlite3_index_info *plan)
{
    (void)t;
    plan->estimatedCost = 1; /* there is one way to read it: from the first row to the last */
    return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out)
{
    struct cursor *c = mem_alloc(sizeof *c);
    (void)t;
    *out = &c->base;
    return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *c)
{
    mem_free(c);
    return SQLITE_OK;
}

static int feed_begin(sqlite3_vtab_cursor *c, int plan, const char *text, int argc, sqlite3_value **argv)
{
    (void)plan;
    (void)text;
    (void)argc;
    (void)argv;
    ((struct cursor *)c)->row = 0;
    return SQLITE_OK;
}

static int feed_next(sqlite3_vtab_cursor *c)
{
    ((struct cursor *)c)->row++;
    return SQLITE_OK;
}

static int feed_is_over(sqlite3_vtab_cursor *c)
{
    return ((const struct cursor *)c)->row >= feed_of(c)->count;
}

static int feed_column(sqlite3_vtab_cursor *c, sqlite3_context *to, int column)
{
    const struct db_feed *f = feed_of(c);
    size_t row = ((const struct cursor *)c)->row, at = (size_t)column;
    if (at < f->number_count) {
        sqlite3_result_int64(to, f->numbers[row * f->number_count + at]);
        return SQLITE_OK;
    }
    struct str s = f->texts[row * f->text_count + at - f->number_count];
    if (s.p) { /* the rest is NULL already */
        sqlite3_result_text64(to, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
    }
    return SQLITE_OK;
}

static int feed_row_id(sqlite3_vtab_cursor *c, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((const struct cursor *)c)->row;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = feed_connect, /* and no xCreate: the table is there, under the name of the module */
    .xDisconnect = feed_disconnect,
    .xBestIndex = feed_plan,
    .xOpen = feed_open,
    .xClose = feed_close,
    .xFilter = feed_begin,
    .xNext = feed_next,
    .xEof = feed_is_over,
    .xColumn = feed_column,
    .xRowid = feed_row_id,
};

int db_feed_register(sqlite3 *h, const char *name, const struct db_feed *feed)
{
    return sqlite3_create_module_v2(h, name, &module, (void *)(uintptr_t)feed, NULL);
}
