/* pg_exec.c: what is done outside of batches: plain statements, and waiting for notifications. */
#include "db/pg_private.h"

#include <poll.h>

enum rc pg_exec(struct pg *c, const char *sql, struct err *e)
{
    int64_t deadline = pg_deadline(c);
    static struct pg_statement unknown = {.is_commit = true};
    enum rc rc = RC_OK;
    if (!c->is_lost) {
        rc = pg_drain(c, e); /* the end of the last batch */
    }
    if (c->is_lost) {
        return pg_fail_sticky(c, e);
    }
    if (!PQexitPipelineMode(c->handle) || !PQsendQuery(c->handle, sql)) {
        return pg_fail_lost(c, NULL, e);
    }
    pg_due_push(c, PG_DUE_STATEMENT, &unknown);
    c->fault = PG_NONE;
    for (;;) {
        PGresult *result = NULL;
        enum rc failed = pg_next_result(c, deadline, &result, rc ? NULL : e);
        if (failed) {
            return failed;
        }
        if (!result) {
            break;
        }
        if (!pg_is_success(result)) {
            failed = pg_fail_result(c, result, rc ? NULL : e);
            rc = rc ? rc : failed;
        }
        PQclear(result);
        if (c->is_lost) {
            return rc;
        }
    }
    pg_due_pop(c);
    c->is_commit_in_doubt = false;
    return rc;
}

static bool take_notification(struct pg *c, struct pg_notification *out)
{
    PQfreemem(c->notification);
    c->notification = PQnotifies(c->handle);
    if (!c->notification) {
        *out = (struct pg_notification){STR_NONE, STR_NONE};
        return false;
    }
    *out = (struct pg_notification){str_from(c->notification->relname), str_from(c->notification->extra)};
    return true;
}

enum rc pg_wait_notify(struct pg *c, int wake_fd, int64_t wait_ms, struct pg_notification *out, struct err *e)
{
    int64_t deadline = pg_now_ms() + (wait_ms < INT32_MAX ? wait_ms : INT32_MAX);
    if (!c->is_lost && c->due_count) {
        enum rc rc = pg_drain(c, e);
        if (rc) {
            return rc;
        }
    }
    while (!c->is_lost) {
        struct pollfd fds[3] = {{.fd = PQsocket(c->handle), .events = POLLIN},
                                {.fd = wake_fd > 0 ? wake_fd : -1, .events = POLLIN},
                                {.fd = c->stop_fd > 0 ? c->stop_fd : -1, .events = POLLIN}};
        if (take_notification(c, out)) {
            return RC_OK;
        }
        int64_t left = deadline - pg_now_ms();
        int n = poll(fds, 3, left > 0 ? (int)left : 0);
        if (n > 0 && fds[2].revents) {
            return pg_fail_lost(c, "told to stop", e);
        }
        if (n > 0 && fds[0].revents) {
            if (!PQconsumeInput(c->handle)) {
                return pg_fail_lost(c, NULL, e);
            }
        } else if (n > 0 || left <= 0) {
            return RC_OK;
        }
    }
    return pg_fail_sticky(c, e);
}
