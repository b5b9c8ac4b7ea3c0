/* sqlite.c: what the SQLite that stint carries gives a bare program: WAL, synchronous=FULL, thin rows with 200 bytes of
 * text and two partial indexes, statements prepared once. No HTTP, no JSON, no history, no limits: the most a store on
 * SQLite could reach.
 * usage: sqlite DIR insert ROWS MILLISECONDS     ROWS in each commit, one row at a time
 *        sqlite DIR drain BATCH JOBS             claims BATCH in one commit, completes them in the next, until none is left */
#include <sqlite3.h>
#include <unistd.h>

#include "limit.h"

#define SCHEMA                                                                                               \
    "CREATE TABLE job(id INTEGER PRIMARY KEY, queue INT NOT NULL, state INT NOT NULL DEFAULT 0,"             \
    " priority INT NOT NULL, run_at INT NOT NULL, attempt INT NOT NULL DEFAULT 0, lease_until INT,"          \
    " worker INT, args TEXT NOT NULL);"                                                                      \
    "CREATE INDEX job_ready ON job(queue, priority, run_at, id) WHERE state = 0;"                            \
    "CREATE INDEX job_lease ON job(lease_until) WHERE state = 1;"
#define INSERT "INSERT INTO job(queue, priority, run_at, args) VALUES(1, ?1, ?2, ?3)"
#define CLAIM                                                                                                \
    "UPDATE job SET state = 1, attempt = attempt + 1, worker = 7, lease_until = ?2 WHERE id IN"              \
    " (SELECT id FROM job WHERE queue = 1 AND state = 0 AND run_at <= 1800000000000"                         \
    "  ORDER BY priority, run_at, id LIMIT ?1) RETURNING id, args, attempt"
#define COMPLETE "UPDATE job SET state = 2, lease_until = NULL WHERE id = ?1 AND state = 1 AND worker = 7"

#define ARGS_BYTES 200
#define BASE_MS    1700000000000

static sqlite3 *db;
static char args[ARGS_BYTES];

static void run(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        limit_fail(sql, sqlite3_errmsg(db));
    }
}

static sqlite3_stmt *prepared(const char *sql)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q, NULL) != SQLITE_OK) {
        limit_fail(sql, sqlite3_errmsg(db));
    }
    return q;
}

static void step_once(sqlite3_stmt *q)
{
    if (sqlite3_step(q) != SQLITE_DONE) {
        limit_fail("step", sqlite3_errmsg(db));
    }
    (void)sqlite3_reset(q);
}

static void insert_row(sqlite3_stmt *q, int64_t number)
{
    (void)sqlite3_bind_int64(q, 1, number % 4);
    (void)sqlite3_bind_int64(q, 2, BASE_MS + number);
    (void)sqlite3_bind_text(q, 3, args, ARGS_BYTES, SQLITE_STATIC);
    step_once(q);
}

static void open_fresh(const char *dir)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char path[4096];
    for (size_t i = 3; i-- > 0;) { /* the last one printed is the database's own name */
        str_print(path, sizeof(path), "%s/limit.db%s", dir, endings[i]);
        (void)unlink(path);
    }
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        limit_fail(path, sqlite3_errmsg(db));
    }
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;"
        "PRAGMA wal_autocheckpoint = 4000");
    run(SCHEMA);
    memset(args, 'x', sizeof(args));
}

static void measure_insert(int64_t rows, int64_t run_us)
{
    sqlite3_stmt *insert = prepared(INSERT);
    int64_t count = 0;
    int64_t start_us = clock_mono_us();
    while (clock_mono_us() - start_us < run_us) {
        run("BEGIN IMMEDIATE");
        for (int64_t i = 0; i < rows; i++) {
            insert_row(insert, count++);
        }
        run("COMMIT");
    }
    (void)printf("{\"rate\":%.0f}\n", (double)count * 1e6 / (double)(clock_mono_us() - start_us));
    (void)sqlite3_finalize(insert);
}

/* Claims up to batch jobs; their ids are put into ids. */
static int64_t claim(sqlite3_stmt *q, int64_t batch, int64_t lease_until, int64_t *ids)
{
    int64_t count = 0;
    int rc;
    (void)sqlite3_bind_int64(q, 1, batch);
    (void)sqlite3_bind_int64(q, 2, lease_until);
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        ids[count++] = sqlite3_column_int64(q, 0);
        (void)sqlite3_column_text(q, 1);
    }
    if (rc != SQLITE_DONE) {
        limit_fail("claim", sqlite3_errmsg(db));
    }
    (void)sqlite3_reset(q);
    return count;
}

static void measure_drain(int64_t batch, int64_t jobs)
{
    sqlite3_stmt *insert = prepared(INSERT);
    sqlite3_stmt *take = prepared(CLAIM);
    sqlite3_stmt *complete = prepared(COMPLETE);
    int64_t *ids = calloc((size_t)batch, sizeof(*ids));
    int64_t done = 0;
    int64_t count;
    if (!ids) {
        limit_fail("memory", "none left");
    }
    for (int64_t n = 0; n < jobs;) {
        run("BEGIN IMMEDIATE");
        for (int64_t end = n + 1000; n < jobs && n < end; n++) {
            insert_row(insert, n);
        }
        run("COMMIT");
    }
    int64_t start_us = clock_mono_us();
    do {
        run("BEGIN IMMEDIATE");
        count = claim(take, batch, BASE_MS + 60000 + done, ids);
        run("COMMIT");
        run("BEGIN IMMEDIATE");
        for (int64_t i = 0; i < count; i++) {
            (void)sqlite3_bind_int64(complete, 1, ids[i]);
            step_once(complete);
        }
        run("COMMIT");
        done += count;
    } while (count);
    (void)printf("{\"rate\":%.0f}\n", (double)done * 1e6 / (double)(clock_mono_us() - start_us));
    free(ids);
    (void)sqlite3_finalize(insert);
    (void)sqlite3_finalize(take);
    (void)sqlite3_finalize(complete);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        limit_fail("usage", "sqlite DIR insert ROWS MILLISECONDS | sqlite DIR drain BATCH JOBS");
    }
    open_fresh(argv[1]);
    if (str_eq(str_from(argv[2]), STR("insert"))) {
        measure_insert(limit_number(argv[3]), limit_number(argv[4]) * 1000);
    } else {
        measure_drain(limit_number(argv[3]), limit_number(argv[4]));
    }
    (void)sqlite3_close(db);
    return 0;
}
