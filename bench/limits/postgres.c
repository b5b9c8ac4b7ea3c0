/* postgres.c: what PostgreSQL gives a bare libpq program: one connection, statements prepared once, values in binary, in
 * pipeline mode, over rows and an index of the shape that stint's have. No HTTP, no JSON, no events, no counts, no leases that
 * end: the most a store on PostgreSQL could reach.
 * usage: postgres DSN insert ROWS MILLISECONDS   ROWS in each commit, one statement over `unnest`
 *        postgres DSN drain BATCH JOBS           claims BATCH in one commit, moves them to the history in the next, until none is left
 *        postgres DSN copy ROWS                  one COPY, one commit
 * Makes the tables `limit_job` and `limit_history` anew. */
#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>

#include "base/buf.h"
#include "base/id.h"
#include "limit.h"

/* The shape of a job of the bench; stint keeps more columns, which a bare program would not need. */
#define SCHEMA                                                                                               \
    "DROP TABLE IF EXISTS limit_job, limit_history;"                                                         \
    "CREATE TABLE limit_job(id uuid PRIMARY KEY, tenant int NOT NULL, queue text NOT NULL, kind text NOT"    \
    " NULL, state smallint NOT NULL, priority int NOT NULL, run_at bigint NOT NULL, lease bigint NOT NULL"   \
    " DEFAULT 0, lease_until bigint, attempt int NOT NULL DEFAULT 0, args text NOT NULL)"                    \
    " WITH (fillfactor = 80);"                                                                               \
    "CREATE INDEX limit_job_ready ON limit_job(tenant, queue, kind, priority, run_at, id) WHERE state = 1;"  \
    "CREATE TABLE limit_history(id uuid PRIMARY KEY, tenant int NOT NULL, queue text NOT NULL, kind text"    \
    " NOT NULL, state smallint NOT NULL, priority int NOT NULL, run_at bigint NOT NULL, lease bigint NOT"    \
    " NULL, attempt int NOT NULL, finished_at bigint NOT NULL, args text NOT NULL, result text NOT NULL)"
/* No plan may depend on statistics that autovacuum happens to have taken. */
#define SETTINGS                                                                                             \
    "SET client_min_messages = warning; SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = "     \
    "force_generic_plan"
#define INSERT                                                                                               \
    "INSERT INTO limit_job(id, tenant, queue, kind, state, priority, run_at, args)"                          \
    " SELECT i, 1, q, k, 1, p, r, a FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[],"           \
    " $5::bigint[], $6::text[]) AS u(i, q, k, p, r, a)"
#define CLAIM                                                                                                \
    "UPDATE limit_job SET state = 2, attempt = attempt + 1, lease = lease + 1, lease_until = $2"             \
    " WHERE ctid = ANY(ARRAY(SELECT ctid FROM limit_job WHERE tenant = 1 AND queue = 'bench' AND"            \
    " kind = 'noop' AND state = 1 AND run_at <= $2 ORDER BY priority, run_at, id LIMIT $1"                   \
    " FOR UPDATE SKIP LOCKED)) RETURNING id, lease, attempt, args"
#define FINISH                                                                                               \
    "WITH gone AS (DELETE FROM limit_job j USING unnest($1::uuid[]) AS u(i) WHERE j.id = u.i AND"            \
    " j.state = 2 RETURNING j.*) INSERT INTO limit_history SELECT id, tenant, queue, kind, 3, priority,"     \
    " run_at, lease, attempt, $2, args, '{\"ok\":true}' FROM gone"
#define COPY                                                                                                 \
    "COPY limit_job(id, tenant, queue, kind, state, priority, run_at, args) FROM STDIN (FORMAT binary)"

enum { OID_INT8 = 20, OID_TEXT = 25, OID_INT8S = 1016, OID_TEXTS = 1009, OID_UUID = 2950, OID_UUIDS = 2951 };

#define ARGS_BYTES   186
#define BASE_MS      1700000000000
#define LOAD_ROWS    1000
#define MAX_SAMPLES  1000000
#define BUFFER_BYTES (64 << 20)

struct param {
    Oid type;
    struct buf bytes;
};

static PGconn *db;
static char args[ARGS_BYTES];
static struct id_generator ids;
static int64_t samples_us[MAX_SAMPLES];

/* ---- values in PostgreSQL's binary form: everything is big-endian ---- */

static void put16(struct buf *b, int16_t v)
{
    uint16_t n = htons((uint16_t)v);
    buf_append(b, &n, sizeof(n));
}

static void put32(struct buf *b, int32_t v)
{
    uint32_t n = htonl((uint32_t)v);
    buf_append(b, &n, sizeof(n));
}

static void put64(struct buf *b, int64_t v)
{
    uint64_t n = htobe64((uint64_t)v);
    buf_append(b, &n, sizeof(n));
}

static void put_value(struct buf *b, const void *bytes, size_t n)
{
    put32(b, (int32_t)n);
    buf_append(b, bytes, n);
}

static void set_int(struct param *p, int64_t v)
{
    p->type = OID_INT8;
    buf_clear(&p->bytes);
    put64(&p->bytes, v);
}

/* The head of an array of one dimension without NULLs; the elements follow, each with its length. */
static void begin_array(struct param *p, Oid type, Oid of, int64_t count)
{
    p->type = type;
    buf_clear(&p->bytes);
    put32(&p->bytes, 1);
    put32(&p->bytes, 0);
    put32(&p->bytes, (int32_t)of);
    put32(&p->bytes, (int32_t)count);
    put32(&p->bytes, 1);
}

static struct id next_id(void)
{
    return id_next(&ids, clock_wall_ms());
}

/* ---- statements ---- */

static void check(PGresult *r, ExecStatusType wanted, const char *what)
{
    if (PQresultStatus(r) != wanted) {
        limit_fail(what, PQerrorMessage(db));
    }
}

static void run(const char *sql)
{
    PGresult *r = PQexec(db, sql);
    check(r, PGRES_COMMAND_OK, sql);
    PQclear(r);
}

static void prepare(const char *name, const char *sql, const Oid *types, int count)
{
    PGresult *r = PQprepare(db, name, sql, count, types);
    check(r, PGRES_COMMAND_OK, name);
    PQclear(r);
}

/* One statement and one Sync: a transaction of its own. */
static void send_alone(const char *name, const struct param *params, int count)
{
    const char *values[8];
    int lengths[8], formats[8];
    for (int i = 0; i < count; i++) {
        values[i] = params[i].bytes.p;
        lengths[i] = (int)params[i].bytes.n;
        formats[i] = 1;
    }
    if (!PQsendQueryPrepared(db, name, count, values, lengths, formats, 1) || !PQpipelineSync(db)) {
        limit_fail(name, PQerrorMessage(db));
    }
}

/* The answer of the oldest statement that has none, and of its Sync. The caller clears it. */
static PGresult *answer(ExecStatusType wanted, const char *what)
{
    PGresult *r = PQgetResult(db);
    check(r, wanted, what);
    (void)PQgetResult(db); /* the NULL that ends a statement's results */
    PGresult *sync = PQgetResult(db);
    check(sync, PGRES_PIPELINE_SYNC, what);
    PQclear(sync);
    return r;
}

static void prepare_all(void)
{
    static const Oid insert[] = {OID_UUIDS, OID_TEXTS, OID_TEXTS, OID_INT8S, OID_INT8S, OID_TEXTS};
    static const Oid claim[] = {OID_INT8, OID_INT8};
    static const Oid finish[] = {OID_UUIDS, OID_INT8};
    prepare("insert", INSERT, insert, 6);
    prepare("claim", CLAIM, claim, 2);
    prepare("finish", FINISH, finish, 2);
}

static void insert_rows(struct param *p, int64_t rows, int64_t number)
{
    begin_array(&p[0], OID_UUIDS, OID_UUID, rows);
    begin_array(&p[1], OID_TEXTS, OID_TEXT, rows);
    begin_array(&p[2], OID_TEXTS, OID_TEXT, rows);
    begin_array(&p[3], OID_INT8S, OID_INT8, rows);
    begin_array(&p[4], OID_INT8S, OID_INT8, rows);
    begin_array(&p[5], OID_TEXTS, OID_TEXT, rows);
    for (int64_t i = 0; i < rows; i++) {
        struct id id = next_id();
        put_value(&p[0].bytes, id.b, sizeof(id.b));
        put_value(&p[1].bytes, "bench", 5);
        put_value(&p[2].bytes, "noop", 4);
        put32(&p[3].bytes, 8);
        put64(&p[3].bytes, 0);
        put32(&p[4].bytes, 8);
        put64(&p[4].bytes, BASE_MS + number + i);
        put_value(&p[5].bytes, args, sizeof(args));
    }
    send_alone("insert", p, 6);
    PQclear(answer(PGRES_COMMAND_OK, "insert"));
}

static void new_params(struct param *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct param){.bytes = BUF_LIMIT(BUFFER_BYTES)};
    }
}

static void free_params(struct param *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_dispose(&list[i].bytes);
    }
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x;
    int64_t b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static void measure_insert(int64_t rows, int64_t run_us)
{
    struct param p[6];
    size_t commits = 0;
    new_params(p, 6);
    int64_t start_us = clock_mono_us();
    int64_t now_us = start_us;
    while (now_us - start_us < run_us && commits < MAX_SAMPLES) {
        int64_t before_us = now_us;
        insert_rows(p, rows, (int64_t)commits * rows);
        now_us = clock_mono_us();
        samples_us[commits++] = now_us - before_us;
    }
    qsort(samples_us, commits, sizeof(*samples_us), by_value);
    (void)printf("{\"rate\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
                 (double)commits * (double)rows * 1e6 / (double)(now_us - start_us),
                 (double)samples_us[commits / 2] / 1000, (double)samples_us[commits * 99 / 100] / 1000);
    free_params(p, 6);
}

/* ---- drain: the move of one batch and the claim of the next leave together, as stint's own worker sends them ---- */

static void send_claim(struct param *p, int64_t batch)
{
    set_int(&p[0], batch);
    set_int(&p[1], clock_wall_ms());
    send_alone("claim", p, 2);
}

static void send_finish(struct param *p, const PGresult *claimed, int64_t count)
{
    begin_array(&p[0], OID_UUIDS, OID_UUID, count);
    for (int i = 0; i < count; i++) {
        put_value(&p[0].bytes, PQgetvalue(claimed, i, 0), sizeof(struct id));
    }
    set_int(&p[1], clock_wall_ms());
    send_alone("finish", p, 2);
}

static int64_t drain(int64_t batch)
{
    struct param p[2];
    int64_t done = 0;
    new_params(p, 2);
    send_claim(p, batch);
    for (;;) {
        PGresult *claimed = answer(PGRES_TUPLES_OK, "claim");
        int64_t count = PQntuples(claimed);
        if (!count) {
            PQclear(claimed);
            break;
        }
        send_finish(p, claimed, count);
        send_claim(p, batch);
        PQclear(claimed);
        PQclear(answer(PGRES_COMMAND_OK, "finish"));
        done += count;
    }
    free_params(p, 2);
    return done;
}

static void measure_drain(int64_t batch, int64_t jobs)
{
    struct param p[6];
    new_params(p, 6);
    for (int64_t n = 0; n < jobs; n += LOAD_ROWS) {
        insert_rows(p, jobs - n < LOAD_ROWS ? jobs - n : LOAD_ROWS, n);
    }
    free_params(p, 6);
    int64_t start_us = clock_mono_us();
    int64_t done = drain(batch);
    if (done != jobs) {
        limit_fail("drain", "not every job was claimed");
    }
    (void)printf("{\"rate\":%.0f}\n", (double)done * 1e6 / (double)(clock_mono_us() - start_us));
}

/* ---- COPY ---- */

static void put_copy_row(struct buf *b, int64_t number)
{
    struct id id = next_id();
    put16(b, 8);
    put_value(b, id.b, sizeof(id.b));
    put32(b, 4);
    put32(b, 1);
    put_value(b, "bench", 5);
    put_value(b, "noop", 4);
    put32(b, 2);
    put16(b, 1);
    put32(b, 4);
    put32(b, 0);
    put32(b, 8);
    put64(b, BASE_MS + number);
    put_value(b, args, sizeof(args));
}

static void copy_send(struct buf *b)
{
    if (PQputCopyData(db, b->p, (int)b->n) != 1) {
        limit_fail("copy", PQerrorMessage(db));
    }
    buf_clear(b);
}

static void measure_copy(int64_t rows)
{
    static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* the 19th byte is the string's own end */
    struct buf b = BUF_LIMIT(BUFFER_BYTES);
    int64_t start_us = clock_mono_us();
    PGresult *r = PQexec(db, COPY);
    check(r, PGRES_COPY_IN, "copy");
    PQclear(r);
    buf_append(&b, head, sizeof(head));
    for (int64_t n = 0; n < rows; n++) {
        put_copy_row(&b, n);
        if (n % LOAD_ROWS == LOAD_ROWS - 1) {
            copy_send(&b);
        }
    }
    put16(&b, -1);
    copy_send(&b);
    if (PQputCopyEnd(db, NULL) != 1) {
        limit_fail("copy", PQerrorMessage(db));
    }
    r = PQgetResult(db);
    check(r, PGRES_COMMAND_OK, "copy");
    PQclear(r);
    (void)printf("{\"rate\":%.0f}\n", (double)rows * 1e6 / (double)(clock_mono_us() - start_us));
    buf_dispose(&b);
}

int main(int argc, char **argv)
{
    struct str what = argc > 2 ? str_from(argv[2]) : STR_NONE;
    bool is_copy = str_eq(what, STR("copy"));
    if (argc != (is_copy ? 4 : 5)) {
        limit_fail("usage", "postgres DSN insert ROWS MILLISECONDS | drain BATCH JOBS | copy ROWS");
    }
    db = PQconnectdb(argv[1]);
    if (PQstatus(db) != CONNECTION_OK) {
        limit_fail("connect", PQerrorMessage(db));
    }
    memset(args, 'x', sizeof(args));
    run(SETTINGS);
    run(SCHEMA);
    if (is_copy) {
        measure_copy(limit_number(argv[3]));
    } else {
        prepare_all();
        if (!PQenterPipelineMode(db)) {
            limit_fail("pipeline", PQerrorMessage(db));
        }
        if (str_eq(what, STR("insert"))) {
            measure_insert(limit_number(argv[3]), limit_number(argv[4]) * 1000);
        } else {
            measure_drain(limit_number(argv[3]), limit_number(argv[4]));
        }
    }
    PQfinish(db);
    return 0;
}
