/* What a copy says of a store (store/copy_rows.h): all of it, in bytes that can be read back. */
#include "store/copy_rows.h"

#include "base/asset.h"
#include "store/pg/sql.h"
#include "store/sqlite/sql.h"
#include "test.h"

#include <string.h>

/* Tables and columns that a copy makes anew, or that are of one store alone. */
static const char *const told[] = {"meta", "migration", "application", "node_role", "service", "node", "wish",
                                   "word", "line", "body", "count", "count_delta", "blob", "blob_check",
                                   "slot", "limit_mend", "batch_label", "queue.id", "queue.deleted_total",
                                   /* counts of states are counted again */
                                   "queue.blocked", "queue.scheduled", "queue.queued", "queue.processing",
                                   "queue.completed", "queue.failed", "queue.cancelled", "queue.skipped",
                                   /* parts of ids, numbers and places of an engine's own */
                                   "job.random", "job.line", "job.lane", "job.drop_at", "event.drop_at",
                                   "unique_key.random", "artifact.id", "artifact.job_random", "artifact.file",
                                   "artifact.drop_at", "kin.job", "kin.parent_random", "kin.root_random",
                                   "kin.failed", "link.on_random", "tally.what", "tally.n", "note.random",
                                   "note.since", "schedule.id", "schedule.last_random", "schedule.due_at",
                                   "member.job", "member.batch_random", "batch.job", "batch.random"};

/* Tables that hold the rows of one that is copied. */
static const char *const parts[][2] = {{"history", "job"},
                                       {"event_history", "event"},
                                       {"kin", "job"},
                                       {"member", "job"},
                                       {"tally_delta", "tally"}};

static bool is_told(const char *table, const char *column)
{
    char name[128];
    str_print(name, sizeof name, "%s.%s", table, column);
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        if (strcmp(told[i], table) == 0 || strcmp(told[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_copied(const char *table, const char *column)
{
    for (int t = 0; t < COPY_TABLES; t++) {
        for (int c = 0; c < copy_shapes[t].column_count && strcmp(copy_shapes[t].name, table) == 0; c++) {
            if (strcmp(copy_shapes[t].columns[c].name, column) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_known(const char *table, const char *column)
{
    bool is = is_told(table, column) || is_copied(table, column);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !is; i++) {
        is = strcmp(parts[i][0], table) == 0 &&
             (is_told(parts[i][1], column) || is_copied(parts[i][1], column));
    }
    return is;
}

static int check_column(const char *table, struct str line)
{
    struct str after = STR_NONE;
    char column[64];
    str_copy(column, sizeof column, str_cut(line, ' ', &after));
    if (!line.n || line.p[0] < 'a' || line.p[0] > 'z') {
        return 0; /* PRIMARY KEY and the like */
    }
    ck_assert_msg(is_known(table, column), "column %s of table %s would be lost in a copy: store/copy_rows.h",
                  column, table);
    return 1;
}

/* Lines up to the one that ends the statement: a name in small letters, a type. */
static int check_created(const char *table, struct str lines)
{
    int columns = 0;
    while (lines.n && lines.p[0] != ')') {
        columns += check_column(table, str_trim(str_cut(lines, '\n', &lines)));
    }
    return columns;
}

/* Each ADD of it, up to the semicolon. */
static int check_altered(const char *table, struct str sql)
{
    static const struct str add = STR("ADD "), words[] = {STR("COLUMN "), STR("IF NOT EXISTS ")};
    struct str rest = STR_NONE, statement = str_cut(sql, ';', &rest);
    int columns = 0;
    for (size_t at = str_find(statement, add, 0); at < statement.n; at = str_find(statement, add, at + 1)) {
        struct str name = str_sub(statement, at + add.n, SIZE_MAX);
        for (int i = 0; i < 2; i++) {
            name = str_starts(name, words[i]) ? str_sub(name, words[i].n, SIZE_MAX) : name;
        }
        columns += check_column(table, name);
    }
    return columns;
}

/* Where a statement of that kind names a table: the name, and what stands behind it; false: there is none from *at on. */
static bool next_table(struct str sql, struct str kind, size_t *at, char *table, size_t table_bytes,
                       struct str *rest)
{
    *at = str_find(sql, kind, *at);
    if (*at >= sql.n) {
        return false;
    }
    *at += kind.n;
    struct str name = str_cut(str_sub(sql, *at, SIZE_MAX), ' ', rest);
    str_copy(table, table_bytes, str_starts(name, STR("stint.")) ? str_sub(name, 6, SIZE_MAX) : name);
    return true;
}

static int check_file(struct str sql)
{
    char table[64];
    struct str rest = STR_NONE;
    int columns = 0;
    for (size_t at = 0; next_table(sql, STR("CREATE TABLE "), &at, table, sizeof table, &rest);) {
        if (str_starts(rest, STR("(\n"))) { /* else a partition */
            columns += check_created(table, str_sub(rest, 2, SIZE_MAX));
        }
    }
    for (size_t at = 0; next_table(sql, STR("ALTER TABLE "), &at, table, sizeof table, &rest);) {
        columns += check_altered(table, rest);
    }
    return columns;
}

TEST(every_column_of_the_schema_is_copied_or_told)
{
    int columns = 0;
    for (const struct asset *a = asset_table; a->name; a++) {
        if (str_find(str_from(a->name), STR("/migrations/"), 0) < strlen(a->name)) {
            columns += check_file(asset_get(a->name));
        }
    }
    CHECK_TRUE(columns > 200);
    CHECK_INT(check_file(STR("ALTER TABLE stint.job ADD COLUMN IF NOT EXISTS kind text,\n  ADD parent uuid;\n"
                             "ALTER TABLE job ADD COLUMN root INTEGER;\n")),
              3);
    CHECK_FALSE(is_known("job", "colour"));
    CHECK_FALSE(is_known("history", "colour"));
    CHECK_FALSE(is_known("nothing", "id"));
}

/* ---- what looks at the store as a whole */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_named(const char *table, struct str query)
{
    struct str name = str_from(table);
    for (size_t at = str_find(query, name, 1); at < query.n; at = str_find(query, name, at + 1)) {
        if (!is_letter(query.p[at - 1]) && (at + name.n == query.n || !is_letter(query.p[at + name.n]))) {
            return true;
        }
    }
    return false;
}

/* Each table of the folder is named in the query, or in `but`. */
static int check_named(const char *folder, const char *query, const char *but)
{
    char table[64];
    struct str rest = STR_NONE;
    int tables = 0;
    for (const struct asset *a = asset_table; a->name; a++) {
        struct str sql = asset_get(a->name);
        if (!str_starts(str_from(a->name), str_from(folder))) {
            continue;
        }
        for (size_t at = 0; next_table(sql, STR("CREATE TABLE "), &at, table, sizeof table, &rest);) {
            if (str_starts(rest, STR("(\n")) && !is_named(table, str_from(but))) {
                ck_assert_msg(is_named(table, str_from(query)), "table %s is missing in: %s", table, query);
                tables++;
            }
        }
    }
    return tables;
}

#define PG_OWN " migration application node_role service node blob_check"

TEST(every_table_that_is_copied_is_locked_and_counts_for_emptiness_and_change)
{
    const char *folder = "sql/pg/migrations/";
    OK(pg_sql_load(e));
    OK(sql_load(e));
    CHECK_TRUE(check_named(folder, pg_sql(PG_SQL_COPY_LOCK), PG_OWN) > 15);
    CHECK_TRUE(check_named(folder, pg_sql(PG_SQL_COPY_IS_EMPTY), PG_OWN " meta") > 15);
    /* what happens to these shows in others */
    const char *but = PG_OWN " meta wish history event event_history blob";
    CHECK_TRUE(check_named(folder, pg_sql(PG_SQL_COPY_FINGERPRINT), but) > 10);
    folder = "sql/sqlite/migrations/";
    CHECK_TRUE(check_named(folder, sql_text(SQL_COPY_IS_EMPTY), " meta migration word line body kin") > 10);
}

TEST(values_of_a_copy_are_read_back_from_their_bytes)
{
    const struct copy_value values[] = {copy_number(INT64_MIN), copy_text(STR_NONE), copy_text(STR("")),
                                        copy_text(STR("a\0b")), copy_number(7)};
    struct copy_value got[5];
    struct buf b = BUF_LIMIT(1000);
    copy_encode(values, 5, &b);
    struct str bytes = buf_str(&b);
    CHECK_TRUE(copy_decode(&bytes, got, 5));
    CHECK_INT(bytes.n, 0);
    CHECK_INT(got[0].number, INT64_MIN);
    CHECK_TRUE(got[1].is_null && !got[2].is_null);
    CHECK_INT(got[2].text.n, 0);
    CHECK_STR(got[3].text, STR("a\0b"));
    CHECK_INT(got[4].number, 7);
    for (size_t n = 0; n < b.n; n++) { /* cut anywhere */
        bytes = str_sub(buf_str(&b), 0, n);
        CHECK_FALSE(copy_decode(&bytes, got, 5));
    }
    buf_dispose(&b);
}
