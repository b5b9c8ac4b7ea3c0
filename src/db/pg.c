/* pg.c: connecting: see pg.h. Hosts are tried one by one with a deadline each, because libpq's own way through them has none
 * when it is not asked to wait. */
#include "db/pg_private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS  5000
#define TIMEOUT_MS  30000
#define MAX_OPTIONS 64

/* One host of the DSN, as libpq's parallel arrays. */
struct target {
    const char *keys[MAX_OPTIONS], *values[MAX_OPTIONS];
    int count;
    bool any_session; /* the DSN says itself which sessions will do */
};

/* ---- the DSN. Its texts may hold the password, also where a careless one puts it: none is repeated. */

static const char *dsn_value(const PQconninfoOption *options, const char *key)
{
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, key) == 0) {
            return options->val && *options->val ? options->val : NULL;
        }
    }
    return NULL;
}

static enum rc check_dsn(const PQconninfoOption *options, struct err *e)
{
    const char *host = dsn_value(options, "host"), *port = dsn_value(options, "port");
    if (host && strchr(host, '@')) {
        return err_set(e, RC_INVALID,
                       "postgresql: the host of the DSN holds '@': write special characters of "
                       "the password as %%40 (@), %%2F (/), %%3A (:)");
    }
    if (port && port[strspn(port, "0123456789,")]) {
        return err_set(e, RC_INVALID,
                       "postgresql: the port of the DSN is no number: write special characters of the "
                       "password as %%40 (@), %%2F (/), %%3A (:)");
    }
    return RC_OK;
}

static enum rc parse_dsn(const char *dsn, PQconninfoOption **out, struct err *e)
{
    char *text = NULL;
    PQconninfoOption *options = PQconninfoParse(dsn, &text);
    if (!options) {
        struct str told = pg_first_line(text);
        bool is_harmless = str_starts(told, STR("invalid URI query parameter")) ||
                           str_starts(told, STR("invalid connection option"));
        enum rc rc = err_set(e, RC_INVALID,
                             "postgresql: the DSN cannot be read%s%.*s; it looks like "
                             "postgresql://user:password@host:5432/database",
                             is_harmless ? ": " : "", is_harmless ? (int)told.n : 0, told.p ? told.p : "");
        PQfreemem(text);
        return rc;
    }
    enum rc rc = check_dsn(options, e);
    if (rc) {
        PQconninfoFree(options);
        return rc;
    }
    *out = options;
    return RC_OK;
}

static size_t list_count(const char *list)
{
    size_t n = 1;
    for (; list && *list; list++) {
        n += *list == ',';
    }
    return list ? n : 0;
}

/* The i-th of a list with commas; a list of one stands for all. */
static const char *list_item(struct arena *a, const char *list, size_t i)
{
    struct str rest = str_from(list), item = str_cut(rest, ',', &rest);
    if (!list || list_count(list) == 1) {
        return list;
    }
    while (i-- > 0) {
        item = str_cut(rest, ',', &rest);
    }
    return arena_c_str(a, item.p ? item : STR(""));
}

static void target_add(struct target *t, const char *key, const char *value)
{
    if (value && *value && t->count < MAX_OPTIONS - 1) {
        t->keys[t->count] = key;
        t->values[t->count] = value;
        t->count++;
    }
}

/* Which sessions will do is asked by ourselves (ask_session), if the DSN wants what we want anyway: libpq would hang up on a
 * standby before it can say what it knows. */
static bool is_usual_wish(const char *attrs)
{
    return !attrs || strcmp(attrs, "read-write") == 0 || strcmp(attrs, "primary") == 0;
}

/* libpq takes the last of equal keys, so defaults go first. */
static void target_of(struct arena *a, const PQconninfoOption *options, size_t i, const struct pg_options *o,
                      struct target *t)
{
    *t = (struct target){.any_session = !is_usual_wish(dsn_value(options, "target_session_attrs"))};
    target_add(t, "fallback_application_name", o->name ? o->name : "stint");
    target_add(t, "keepalives_idle", "10");
    target_add(t, "keepalives_interval", "5");
    target_add(t, "keepalives_count", "3");
    target_add(t, "tcp_user_timeout", "30000");
    for (const PQconninfoOption *x = options; x->keyword; x++) {
        bool is_list = strcmp(x->keyword, "host") == 0 || strcmp(x->keyword, "hostaddr") == 0 ||
                       strcmp(x->keyword, "port") == 0;
        bool is_ours = strcmp(x->keyword, "target_session_attrs") == 0 && !t->any_session;
        target_add(t, x->keyword, is_ours ? NULL : is_list ? list_item(a, x->val, i) : x->val);
    }
    target_add(t, "client_encoding", "UTF8");
}

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
    return err_set(e, rc, "postgresql: %.*s%s", STR_ARG(pg_first_line(text)), advice(fault, sqlstate, o));
}

static enum rc wait_connected(struct pg *c, int64_t connect_ms, const struct pg_options *o, struct err *e)
{
    int64_t deadline = pg_now_ms() + connect_ms;
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

static void note_host(struct pg *c, const struct target *t)
{
    const char *host = "localhost", *port = "5432";
    for (int i = 0; i < t->count; i++) {
        bool is_host = strcmp(t->keys[i], "host") == 0 || strcmp(t->keys[i], "hostaddr") == 0;
        host = is_host ? t->values[i] : host;
        port = strcmp(t->keys[i], "port") == 0 ? t->values[i] : port;
    }
    (void)str_print(c->host, sizeof c->host, "%s:%s", host, port);
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

static enum rc check_session(struct pg *c, const struct target *t, const struct pg_options *o, struct err *e)
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

static enum rc open_target(struct pg **out, const struct target *t, const struct pg_options *o, struct err *e)
{
    struct pg *c = mem_alloc(sizeof *c);
    int64_t connect_ms = o->connect_ms ? o->connect_ms : CONNECT_MS;
    c->timeout_ms = connect_ms;
    c->stop_fd = o->stop_fd;
    note_host(c, t);
    c->handle = PQconnectStartParams(t->keys, t->values, 0);
    if (!c->handle) {
        pg_close(c);
        return err_set(e, RC_BUSY, "postgresql: no memory");
    }
    (void)PQsetErrorVerbosity(c->handle, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(c->handle, take_notice, c);
    enum rc rc = wait_connected(c, connect_ms, o, e);
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
    if (rc) {
        pg_close(c);
        return rc;
    }
    c->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
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

/* What went wrong with each host, in one text. */
static void add_failure(struct arena *a, struct err *all, const struct err *failed)
{
    if (!all->rc) {
        *all = *failed;
        return;
    }
    struct str more = str_from(failed->text);
    more = str_starts(more, STR("postgresql: ")) ? str_sub(more, sizeof "postgresql: " - 1, more.n) : more;
    (void)err_set(all, failed->rc, "%s; %.*s", arena_c_str(a, str_from(all->text)), STR_ARG(more));
}

enum rc pg_open(struct pg **out, const char *dsn, const struct pg_options *o, struct err *e)
{
    static const struct pg_options none = {0};
    PQconninfoOption *options = NULL;
    struct pg *found = NULL;
    struct err all = {0};
    o = o ? o : &none;
    enum rc rc = pg_lib_load(e);
    if (!rc) {
        rc = parse_dsn(dsn, &options, e);
    }
    if (rc) {
        return rc;
    }
    struct arena *a = arena_new();
    size_t hosts = list_count(dsn_value(options, "host"));
    size_t addresses = list_count(dsn_value(options, "hostaddr"));
    size_t count = hosts > addresses ? hosts : addresses ? addresses : 1;
    for (size_t i = 0; i < count && (!found || o->ask_all); i++) {
        struct target t;
        struct pg *c = NULL;
        struct err failed = {0};
        target_of(a, options, i, o, &t);
        rc = open_target(&c, &t, o, &failed);
        if (rc) {
            add_failure(a, &all, &failed);
        } else {
            found = found ? choose(found, c, o) : c;
        }
    }
    if (found) {
        *out = found;
        rc = RC_OK;
    } else if (e) {
        *e = all;
    }
    arena_free(a);
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

void pg_set_timeout(struct pg *c, int64_t timeout_ms)
{
    c->timeout_ms = timeout_ms;
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
