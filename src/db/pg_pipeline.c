/* pg_pipeline.c: batches: what is sent, what is still due, and the waits. libpq is never asked to wait: every wait is a
 * poll of ours, with a deadline, that reads while it sends, so that two full directions never wait for each other. */
#include "db/pg_private.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

int64_t pg_now_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t pg_deadline(struct pg *c)
{
    int64_t left = c->until_ms - pg_now_ms();
    left = left > c->least_ms ? left : c->least_ms;
    c->wait_ms = c->until_ms && left < c->timeout_ms ? left : c->timeout_ms;
    return pg_now_ms() + c->wait_ms;
}

/* ---- what is due */

struct pg_due *pg_due_at(struct pg *c, size_t i)
{
    return &c->due[(c->due_first + i) % c->due_room];
}

void pg_due_push(struct pg *c, enum pg_due_kind kind, struct pg_statement *statement)
{
    if (c->due_count == c->due_room) {
        size_t room = c->due_room ? 2 * c->due_room : 64;
        struct pg_due *grown = mem_alloc(room * sizeof *grown);
        for (size_t i = 0; i < c->due_count; i++) {
            grown[i] = *pg_due_at(c, i);
        }
        mem_free(c->due);
        c->due = grown;
        c->due_room = room;
        c->due_first = 0;
    }
    c->due_count++;
    *pg_due_at(c, c->due_count - 1) = (struct pg_due){kind, statement};
}

void pg_due_pop(struct pg *c)
{
    c->due_first = (c->due_first + 1) % c->due_room;
    c->due_count--;
}

/* ---- waits */

static enum rc wait_io(struct pg *c, short events, int64_t deadline, struct err *e)
{
    struct pollfd fds[2] = {{.fd = PQsocket(c->handle), .events = events},
                            {.fd = c->stop_fd > 0 ? c->stop_fd : -1, .events = POLLIN}};
    int64_t left = deadline - pg_now_ms();
    if (left <= 0) {
        char why[80];
        c->has_timed_out = true;
        (void)str_print(why, sizeof why, "no answer within %lld ms", (long long)c->wait_ms);
        return pg_fail_lost(c, why, e);
    }
    int n = poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left);
    if (n < 0 && errno != EINTR) {
        return pg_fail_lost(c, "poll failed", e);
    }
    if (n > 0 && fds[1].revents) {
        return pg_fail_lost(c, "told to stop", e);
    }
    return RC_OK;
}

enum rc pg_pump(struct pg *c, int64_t deadline, struct err *e)
{
    for (;;) {
        int unsent = PQflush(c->handle);
        if (!PQisBusy(c->handle)) {
            return RC_OK;
        }
        if (PQsocket(c->handle) < 0) {
            return RC_OK; /* libpq says in the next result that it is gone */
        }
        enum rc rc = wait_io(c, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline, e);
        if (rc) {
            return rc;
        }
        (void)PQconsumeInput(c->handle); /* at the stream's end, what was read before it still counts */
    }
}

/* ---- sending */

static struct pg_statement **slot_of(struct pg *c, const char *sql)
{
    size_t i = ((uintptr_t)sql >> 3) * 0x9e3779b97f4a7c15u >> 32;
    for (;; i++) {
        struct pg_statement **slot = &c->statements[i % PG_STATEMENTS];
        if (!*slot || (*slot)->sql == sql) {
            return slot;
        }
    }
}

static struct pg_statement *statement_of(struct pg *c, const char *sql)
{
    struct pg_statement **slot = slot_of(c, sql);
    if (!*slot) {
        assert(c->statement_count < PG_STATEMENTS / 2); /* their texts are constants of the program */
        struct str words = str_trim(str_from(sql));
        *slot = mem_alloc(sizeof **slot);
        (*slot)->sql = sql;
        (*slot)->is_commit = str_eq_nocase(str_sub(words, 0, 6), STR("commit"));
        c->statement_count++;
    }
    return *slot;
}

static enum rc send_prepare(struct pg *c, struct pg_statement *s, const struct pg_query *q, struct err *e)
{
    (void)str_print(s->name, sizeof s->name, "s%u", ++c->names);
    if (!PQsendPrepare(c->handle, s->name, s->sql, q ? q->count : 0, q ? q->types : NULL)) {
        return pg_fail_lost(c, NULL, e);
    }
    s->state = PG_STATEMENT_SENT;
    pg_due_push(c, PG_DUE_PREPARE, s);
    return RC_OK;
}

static bool send_statement(struct pg *c, const struct pg_statement *s, const struct pg_query *q)
{
    static const int binary[PG_MAX_PARAMS] = {[0 ... PG_MAX_PARAMS - 1] = 1};
    int n = q ? q->count : 0;
    const char *const *values = q ? q->values : NULL;
    const int *lengths = q ? q->lengths : NULL;
    if (c->is_pooled) {
        return PQsendQueryParams(c->handle, s->sql, n, q ? q->types : NULL, values, lengths, binary, 1);
    }
    return PQsendQueryPrepared(c->handle, s->name, n, values, lengths, binary, 1);
}

enum rc pg_send(struct pg *c, const char *sql, const struct pg_query *q, struct err *e)
{
    enum rc rc = RC_OK;
    if (c->is_lost) {
        return pg_fail_sticky(c, e);
    }
    if (q && q->is_too_big) {
        return err_set(e, RC_TOO_BIG, "postgresql: a value is over 1 GB");
    }
    if (PQpipelineStatus(c->handle) == PQ_PIPELINE_OFF && !PQenterPipelineMode(c->handle)) {
        return pg_fail_lost(c, NULL, e);
    }
    struct pg_statement *s = statement_of(c, sql);
    if (!c->is_pooled && s->state == PG_STATEMENT_NEW) {
        rc = send_prepare(c, s, q, e);
    }
    if (rc) {
        return rc;
    }
    pg_due_push(c, PG_DUE_STATEMENT,
                s); /* before it leaves: a COMMIT that fails to be sent may be half sent */
    return send_statement(c, s, q) ? RC_OK : pg_fail_lost(c, NULL, e);
}

enum rc pg_sync(struct pg *c, struct err *e)
{
    if (c->is_lost) {
        return pg_fail_sticky(c, e);
    }
    assert(PQpipelineStatus(c->handle) != PQ_PIPELINE_OFF);
    if (!PQpipelineSync(c->handle)) {
        return pg_fail_lost(c, NULL, e);
    }
    pg_due_push(c, PG_DUE_SYNC, NULL);
    c->syncs_due++;
    return RC_OK;
}

/* ---- reading */

/* The next result of libpq, which is NULL behind a statement's last one. */
enum rc pg_next_result(struct pg *c, int64_t deadline, PGresult **out, struct err *e)
{
    enum rc rc = pg_pump(c, deadline, e);
    if (rc) {
        return rc;
    }
    *out = PQgetResult(c->handle);
    return RC_OK;
}

bool pg_is_success(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_PIPELINE_SYNC ||
           status == PGRES_EMPTY_QUERY;
}

/* The one result of what is at the front, and the NULL behind it. */
static enum rc front_result(struct pg *c, int64_t deadline, PGresult **out, struct err *e)
{
    PGresult *result = NULL, *end = NULL;
    enum rc rc = pg_next_result(c, deadline, &result, e);
    if (rc == RC_OK && !result) {
        rc = pg_fail_lost(c, NULL, e);
    }
    bool has_end = rc == RC_OK && PQresultStatus(result) != PGRES_PIPELINE_SYNC &&
                   (pg_is_success(result) || PQstatus(c->handle) == CONNECTION_OK);
    if (has_end) {
        rc = pg_next_result(c, deadline, &end, e);
    }
    if (rc == RC_OK && end && pg_is_success(result)) {
        rc = pg_fail_lost(c, "an answer nobody asked for", e);
    }
    PQclear(end);
    if (rc) {
        PQclear(result);
        return rc;
    }
    *out = result;
    return RC_OK;
}

/* A failed Prepare, and an execution that found its statement gone or outdated, make the next use prepare again. */
static void note_failure(struct pg *c, const struct pg_due *d)
{
    c->is_batch_aborted = true;
    if (d->statement && (d->kind == PG_DUE_PREPARE || strcmp(c->sqlstate, "26000") == 0 ||
                         strcmp(c->sqlstate, "0A000") == 0)) {
        d->statement->state = PG_STATEMENT_NEW;
    }
}

/* COMMIT can succeed in words only: rolled back, or committed here and nowhere else. */
static enum rc check_commit(struct pg *c, const PGresult *result, struct err *e)
{
    if (c->is_commit_in_doubt) {
        c->is_commit_in_doubt = false;
        c->fault = PG_UNKNOWN;
        return err_set(e, RC_BUSY, "postgresql: COMMIT came with a warning: %s", c->warning);
    }
    if (strcmp(PQcmdStatus((PGresult *)result), "ROLLBACK") == 0) {
        c->fault = PG_ABORTED;
        return err_set(e, RC_BUSY, "postgresql: COMMIT found a failed transaction and rolled it back");
    }
    return RC_OK;
}

static enum rc take_answer(struct pg *c, const struct pg_due *d, const PGresult *result, struct err *e)
{
    if (!pg_is_success(result)) {
        enum rc rc = pg_fail_result(c, result, e);
        note_failure(c, d);
        return rc;
    }
    if (d->kind == PG_DUE_PREPARE) {
        d->statement->state = PG_STATEMENT_READY;
    } else if (d->kind == PG_DUE_SYNC) {
        c->is_batch_aborted = false;
        c->syncs_due--;
    } else if (d->statement->is_commit) {
        return check_commit(c, result, e);
    }
    return RC_OK;
}

/* Takes what is at the front; its result goes out on success. */
static enum rc take_front(struct pg *c, int64_t deadline, PGresult **out, struct err *e)
{
    PGresult *result = NULL;
    struct pg_due d = *pg_due_at(c, 0);
    enum rc rc = front_result(c, deadline, &result, e);
    if (rc) {
        return rc;
    }
    rc = take_answer(c, &d, result, e);
    bool is_sync_owed =
        d.kind == PG_DUE_SYNC && !pg_is_success(result); /* the implicit commit failed; it still comes */
    if (!c->is_lost && !is_sync_owed) {
        pg_due_pop(c);
    }
    if (rc) {
        PQclear(result);
        return rc;
    }
    *out = result;
    return RC_OK;
}

static enum rc skip_front(struct pg *c, int64_t deadline, struct err *e)
{
    PGresult *result = NULL;
    enum rc rc = take_front(c, deadline, &result, e);
    PQclear(result);
    return rc;
}

/* The end of a batch comes with its last answer. Without BEGIN only it says that the work is committed; what fails here
 * is then the failure of that last statement. */
static enum rc skip_syncs(struct pg *c, int64_t deadline, struct err *e)
{
    enum rc rc = RC_OK;
    while (!c->is_lost && c->due_count && pg_due_at(c, 0)->kind == PG_DUE_SYNC) {
        enum rc failed = skip_front(c, deadline, rc ? NULL : e);
        rc = rc ? rc : failed;
    }
    return rc;
}

/* A failed Prepare is the failure of its statement, which follows as aborted. */
static enum rc take_statement(struct pg *c, int64_t deadline, PGresult **out, struct err *e)
{
    if (pg_due_at(c, 0)->kind == PG_DUE_PREPARE) {
        enum rc rc = skip_front(c, deadline, e);
        if (rc && !c->is_lost) {
            enum pg_fault fault = c->fault;
            char sqlstate[sizeof c->sqlstate];
            memcpy(sqlstate, c->sqlstate, sizeof sqlstate);
            if (skip_front(c, deadline, NULL) && !c->is_lost) {
                c->fault = fault;
                memcpy(c->sqlstate, sqlstate, sizeof sqlstate);
            }
        }
        if (rc) {
            return rc;
        }
    }
    return take_front(c, deadline, out, e);
}

enum rc pg_next(struct pg *c, struct pg_rows **out, struct err *e)
{
    int64_t deadline = pg_deadline(c);
    PGresult *result = NULL;
    if (c->is_lost) {
        return pg_fail_sticky(c, e);
    }
    assert(c->due_count && c->syncs_due); /* else it would wait for what was never asked */
    const struct pg_statement *s = pg_due_at(c, 0)->statement;
    enum rc rc = take_statement(c, deadline, &result, e);
    if (rc == RC_OK) {
        rc = skip_syncs(c, deadline, e);
        rc = s->is_commit ? RC_OK
                          : rc; /* it was told that it is committed; the next call tells what came then */
    } else {
        enum pg_fault fault = c->fault;
        (void)skip_syncs(c, deadline, NULL);
        c->fault = c->is_lost ? c->fault : fault;
    }
    if (rc) {
        PQclear(result);
        return rc;
    }
    c->fault = c->is_lost ? c->fault : PG_NONE;
    if (!out) {
        PQclear(result);
        return RC_OK;
    }
    *out = mem_alloc(sizeof **out);
    (*out)->result = result;
    return RC_OK;
}

enum rc pg_drain(struct pg *c, struct err *e)
{
    int64_t deadline = pg_deadline(c);
    if (c->is_lost) {
        return pg_fail_sticky(c, e);
    }
    if (c->due_count && pg_due_at(c, c->due_count - 1)->kind != PG_DUE_SYNC) {
        enum rc rc = pg_sync(c, e); /* left early: what was sent without an end gets one */
        if (rc) {
            return rc;
        }
    }
    while (c->due_count) {
        enum rc rc = skip_front(c, deadline, e);
        if (rc && c->is_lost) {
            return rc;
        }
    }
    return RC_OK;
}

enum rc pg_run(struct pg *c, const char *sql, const struct pg_query *q, struct pg_rows **out, struct err *e)
{
    enum rc rc = pg_drain(c, e);
    if (rc == RC_OK) {
        rc = pg_send(c, sql, q, e);
    }
    if (rc == RC_OK) {
        rc = pg_sync(c, e);
    }
    return rc ? rc : pg_next(c, out, e);
}
