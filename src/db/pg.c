/* pg.c: connecting: see pg.h. Hosts, and the addresses of each, are tried one by one with a deadline each, because libpq's own
 * way through them has none when it is not asked to wait, and asks for the addresses of a name as long as that takes. */
#include "db/pg_dsn.h"
#include "db/pg_private.h"
#include "db/pg_resolve.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS 5000
#define TIMEOUT_MS 30000
#define SHARE_MS   50 /* the least: what is there says so in that time, even when it is late already */
struct opening {
    struct arena *a;
    const PQconninfoOption *options;
    const struct pg_options *o;
    int64_t connect_ms, until_ms; /* of one address; of all, 0: no limit */
    struct pg *found;
    struct err failures; /* of all, in one text */
};

/* ---- one host */

/* libpq keeps no SQLSTATE of a refused connection, but told to be verbose it writes it: "FATAL:  28P01: password …". */
static enum pg_fault fault_of_refusal(const char *text, char sqlstate[6])
{
    struct str s = str_from(text);
    *sqlstate = '\0';
    for (size_t at = str_find(s, STR(":  "), 0); at < s.n; at = str_find(s, STR(":  "), at + 1)) {
        struct str state = str_sub(s, at + 3, at + 8);
        if (state.n == 5 && at + 8 < s.n && s.p[at + 8] == ':') {
            str_copy(sqlstate, 6, state);
            return pg_fault_of_sqlstate(sqlstate);
        }
    }
    return PG_LOST;
}

/* The server says only what is. */
static const char *advice(enum pg_fault fault, const char *sqlstate, const struct pg_options *o)
{
    return fault == PG_LOST && !*sqlstate ? ": is the server up, and are host and port right?"
           : strcmp(sqlstate, "53300") == 0 && o->when_crowded ? o->when_crowded
           : fault == PG_DENIED
               ? ": see to the role's password (~/.pgpass, PGPASSWORD), its rights and pg_hba.conf"
           : fault == PG_MISSING ? ": make it first (createdb), or name another"
                                 : "";
}

static enum rc fail_refused(struct pg *c, const struct pg_options *o, struct err *e)
{
    char sqlstate[6] = "";
    const char *text = PQerrorMessage(c->handle);
    enum pg_fault fault = PQconnectionNeedsPassword(c->handle) ? PG_DENIED : fault_of_refusal(text, sqlstate);
    enum rc rc = fault == PG_OTHER ? RC_BUSY : pg_rc_of_fault(fault);
    c->fault = fault;
    return err_set(e, rc, "postgresql: %s%s%.*s%s", c->is_named ? c->host : "", c->is_named ? ": " : "",
                   STR_ARG(pg_first_line(text)), advice(fault, sqlstate, o));
}

static enum rc wait_connected(struct pg *c, const struct pg_options *o, struct err *e)
{
    int64_t deadline = pg_deadline(c);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (PQstatus(c->handle) != CONNECTION_BAD && next != PGRES_POLLING_OK) {
        struct pollfd fds[2] = {
            {.fd = PQsocket(c->handle), .events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT},
            {.fd = c->stop_fd > 0 ? c->stop_fd : -1, .events = POLLIN}};
        int64_t left = deadline - pg_now_ms();
        int n = left > 0 ? poll(fds, 2, (int)left) : 0;
        if (n == 0 || (n > 0 && fds[1].revents)) {
            return err_set(e, RC_BUSY, "postgresql: %s: %s", c->host,
                           n ? "told to stop" : "no connection in time");
        }
        if (n > 0) {
            next = PQconnectPoll(c->handle);
        }
        if (next == PGRES_POLLING_FAILED) {
            break;
        }
    }
    return PQstatus(c->handle) == CONNECTION_OK ? RC_OK : fail_refused(c, o, e);
}

/* Only warnings at COMMIT mean anything to us. */
static void take_notice(void *arg, const PGresult *result)
{
    struct pg *c = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const struct pg_due *d = c->due_count ? pg_due_at(c, 0) : NULL;
    if (d && d->kind == PG_DUE_STATEMENT && d->statement->is_commit && severity &&
        strcmp(severity, "WARNING") == 0) {
        c->is_commit_in_doubt = true;
        str_copy(c->warning, sizeof c->warning, str_from(text));
    }
}

static void note_host(struct pg *c, const struct pg_target *t)
{
    const char *host = t->host ? t->host : t->address ? t->address : "localhost";
    const char *port = t->port ? t->port : "5432";
    c->is_named = pg_is_name(t->host) && t->address;
    (void)str_print(c->host, sizeof c->host, c->is_named ? "%s:%s (%s)" : "%s:%s", host, port,
                    c->is_named ? t->address : "");
}

/* Who is there: the server's process (a pooler names another one), and whether it takes writes. */
static enum rc ask_session(struct pg *c, struct err *e)
{
    static const char sql[] = "SELECT pg_backend_pid(), pg_is_in_recovery(), "
                              "current_setting('transaction_read_only') = 'on'";
    struct pg_rows *rows = NULL;
    c->is_pooled = true; /* until it is known: prepares nothing */
    enum rc rc = pg_run(c, sql, NULL, &rows, e);
    if (rc) {
        return rc;
    }
    c->is_pooled = pg_int(rows, 0, 0) != PQbackendPID(c->handle);
    c->is_standby = pg_bool(rows, 0, 1);
    c->is_read_only = pg_bool(rows, 0, 2);
    pg_rows_free(rows);
    return RC_OK;
}

static enum rc check_session(struct pg *c, const struct pg_target *t, const struct pg_options *o,
                             struct err *e)
{
    enum rc rc = ask_session(c, e);
    if (rc == RC_OK && o->check) {
        rc = o->check(o->check_ctx, c, e);
    }
    if (rc == RC_OK && !t->any_session) {
        rc = pg_expect_writes(c, e);
    }
    return rc;
}

static enum rc open_handle(struct pg *c, const struct pg_target *t, const struct pg_options *o, struct err *e)
{
    (void)PQsetErrorVerbosity(c->handle, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(c->handle, take_notice, c);
    enum rc rc = wait_connected(c, o, e);
    (void)PQsetErrorVerbosity(c->handle, PQERRORS_DEFAULT);
    if (rc == RC_OK && PQsetnonblocking(c->handle, 1) != 0) {
        rc = pg_fail_lost(c, NULL, e);
    }
    if (rc == RC_OK) {
        rc = check_session(c, t, o, e);
    }
    if (rc == RC_OK && o->setup && !c->is_pooled) {
        rc = pg_exec(c, o->setup, e);
    }
    return rc;
}

/* Connecting may take connect_ms, and so may each answer then, but nothing goes on after until_ms. */
static enum rc open_target(struct pg **out, const struct pg_target *t, const struct opening *p,
                           int64_t connect_ms, struct err *e)
{
    struct pg *c = mem_alloc(sizeof *c);
    c->timeout_ms = connect_ms;
    c->until_ms = p->until_ms;
    c->stop_fd = p->o->stop_fd;
    note_host(c, t);
    c->handle = PQconnectStartParams(t->keys, t->values, 0);
    enum rc rc = c->handle ? open_handle(c, t, p->o, e) : err_set(e, RC_BUSY, "postgresql: no memory");
    if (rc) {
        pg_close(c);
        return rc;
    }
    c->timeout_ms = p->o->timeout_ms ? p->o->timeout_ms : TIMEOUT_MS;
    c->until_ms = 0;
    *out = c;
    return RC_OK;
}

/* ---- all hosts */

/* Both would do, but what was heard of the later one may tell against the earlier. */
static struct pg *choose(struct pg *earlier, struct pg *later, const struct pg_options *o)
{
    bool is_good = !o->check || o->check(o->check_ctx, earlier, NULL) == RC_OK;
    pg_close(is_good ? later : earlier);
    return is_good ? earlier : later;
}

static void add_failure(struct opening *p, const struct err *failed)
{
    struct err *all = &p->failures;
    if (!all->rc) {
        *all = *failed;
        return;
    }
    struct str more = str_from(failed->text);
    more = str_starts(more, STR("postgresql: ")) ? str_sub(more, sizeof "postgresql: " - 1, more.n) : more;
    (void)err_set(all, failed->rc, "%s; %.*s", arena_c_str(p->a, str_from(all->text)), STR_ARG(more));
}

/* Of the time that is left, where so many more want some. */
static int64_t share(const struct opening *p, size_t wanting)
{
    int64_t part = (p->until_ms - pg_now_ms()) / (int64_t)wanting;
    part = part > SHARE_MS ? part : SHARE_MS;
    return p->until_ms && part < p->connect_ms ? part : p->connect_ms;
}

static bool is_done(const struct opening *p)
{
    return p->found && (!p->o->ask_all || (p->until_ms && pg_now_ms() >= p->until_ms));
}

static void try_address(struct opening *p, const struct pg_target *t, size_t wanting)
{
    struct pg *c = NULL;
    struct err failed = {0};
    if (open_target(&c, t, p, share(p, wanting), &failed)) {
        add_failure(p, &failed);
    } else {
        p->found = p->found ? choose(p->found, c, p->o) : c;
    }
}

/* more: hosts behind it. */
static void try_host(struct opening *p, size_t i, size_t more)
{
    struct pg_target t;
    struct pg_addresses addresses = {.count = 0};
    struct err failed = {0};
    pg_dsn_target(p->a, p->options, i, p->o, &t);
    if (t.address || !pg_is_name(t.host)) {
        try_address(p, &t, 1 + more);
        return;
    }
    if (pg_resolve(t.host, p->o, pg_now_ms() + share(p, 2 + more), &addresses, &failed)) {
        add_failure(p, &failed);
    }
    for (size_t k = 0; k < addresses.count && !is_done(p); k++) {
        struct pg_target at = t;
        pg_target_set_address(&at, addresses.text[k]);
        try_address(p, &at, addresses.count - k + more);
    }
}

enum rc pg_open(struct pg **out, const char *dsn, const struct pg_options *o, struct err *e)
{
    static const struct pg_options none = {0};
    PQconninfoOption *options = NULL;
    o = o ? o : &none;
    enum rc rc = pg_lib_load(e);
    if (!rc) {
        rc = pg_dsn_parse(dsn, &options, e);
    }
    if (rc) {
        return rc;
    }
    struct opening p = {
        .a = arena_new(), .options = options, .o = o, .until_ms = o->open_ms ? pg_now_ms() + o->open_ms : 0};
    p.connect_ms = pg_dsn_connect_ms(options, o->connect_ms ? o->connect_ms : CONNECT_MS);
    size_t hosts = pg_dsn_hosts(options);
    for (size_t i = 0; i < hosts && !is_done(&p); i++) {
        try_host(&p, i, hosts - i - 1);
    }
    if (p.found) {
        *out = p.found;
    } else {
        rc = p.failures.rc;
        if (e) {
            *e = p.failures;
        }
    }
    arena_free(p.a);
    PQconninfoFree(options);
    return rc;
}

void pg_close(struct pg *c)
{
    if (!c) {
        return;
    }
    PQfreemem(c->notification);
    PQfinish(c->handle); /* its goodbye does not wait either */
    for (size_t i = 0; i < PG_STATEMENTS; i++) {
        mem_free(c->statements[i]);
    }
    mem_free(c->due);
    mem_free(c);
}

bool pg_is_pooled(const struct pg *c)
{
    return c->is_pooled;
}

int pg_server_version(const struct pg *c)
{
    return PQserverVersion(c->handle);
}

int64_t pg_set_timeout(struct pg *c, int64_t timeout_ms)
{
    int64_t was_ms = c->timeout_ms;
    c->timeout_ms = timeout_ms;
    return was_ms;
}

void pg_set_deadline(struct pg *c, int64_t until_us)
{
    c->until_ms = until_us / 1000;
    c->least_ms = PG_LEAST_MS;
}

const char *pg_host(const struct pg *c)
{
    return c->host;
}

enum pg_fault pg_fault(const struct pg *c)
{
    return c->fault;
}

const char *pg_sqlstate(const struct pg *c)
{
    return c->sqlstate;
}

bool pg_is_lost(const struct pg *c)
{
    return c->is_lost;
}

bool pg_has_timed_out(const struct pg *c)
{
    return c->has_timed_out;
}

bool pg_in_transaction(const struct pg *c)
{
    PGTransactionStatusType status = PQtransactionStatus(c->handle);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}
