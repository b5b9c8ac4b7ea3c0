/* link.c: see link.h. */
#include "store/pg/link.h"

#include "store/pg/migrate.h"

#include "base/clock.h"
#include "base/log.h"

#include <poll.h>

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS   2000
/* Together LINK_WAIT_MS: what waits behind an answer that does not come tries once more to connect, and is refused. */
#define ANSWER_MS    4000
#define CONNECT_MS   2500
#define RECONNECT_MS 1000
#define ASK_EVERY_US 1000000LL
/* How many: engine.c. */
#define CROWDED                                                                                              \
    ": a server of stint takes 10 connections; raise max_connections, or the limit of the role or the "      \
    "database (CONNECTION LIMIT)"
/* Hexadecimal, in the first 8 letters of the name of a file of the log. A standby has heard of the timeline that it follows. */
#define TIMELINE                                                                                             \
    "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN greatest("                               \
    "(SELECT timeline_id FROM pg_control_checkpoint()), "                                                    \
    "(SELECT min_recovery_end_timeline FROM pg_control_recovery())) ELSE "                                   \
    "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END"

#define ANY                                                                                                  \
    "set_config('jit','off',l),set_config('search_path','pg_catalog',l),"                                    \
    "set_config('standard_conforming_strings','on',l),"                                                      \
    "set_config('idle_in_transaction_session_timeout','2s',l)"
/* Plans must not depend on statistics of tables that are empty one minute and full the next: every statement of ours has
 * its index, and joins begin with what the statement brings. */
#define BY_INDEX                                                                                             \
    ANY ",set_config('enable_seqscan','off',l),set_config('enable_bitmapscan','off',l),"                     \
        "set_config('enable_hashjoin','off',l),set_config('enable_mergejoin','off',l),"                      \
        "set_config('plan_cache_mode','force_generic_plan',l)"
#define SETTINGS(is_local, lock, statement, others)                                                          \
    "SELECT set_config('lock_timeout','" lock "',l),set_config('statement_timeout','" statement              \
    "',l)," others " FROM (VALUES (" is_local ")) AS s(l)"
/* For the session, and for one transaction. */
#define BOTH(lock, statement, others)                                                                        \
    SETTINGS("false", lock, statement, others), SETTINGS("true", lock, statement, others)

static const struct {
    const char *name, *session, *transaction;
    int64_t timeout_ms;
    const char *hurried; /* a transaction's */
} kinds[] = {
    [LINK_COMMITTER] = {"stint committer", BOTH("250ms", "3900ms", BY_INDEX), ANSWER_MS},
    [LINK_SLOW] = {"stint slow lane", BOTH("500ms", "3900ms", BY_INDEX), ANSWER_MS},
    [LINK_READER] = {"stint reader", BOTH("2s", "3900ms", BY_INDEX), ANSWER_MS,
                     SETTINGS("true", "20ms", "3900ms", BY_INDEX)},
    [LINK_LISTENER] = {"stint listener",
                       BOTH("2s", "20s", BY_INDEX ",set_config('synchronous_commit','off',l)"), 10000},
    [LINK_ADMIN] = {"stint admin", BOTH("60s", "10min", ANY), 610000},
};

void link_init(struct link *l, const char *dsn, enum link_kind kind, int stop_fd)
{
    *l = (struct link){.dsn = dsn, .kind = kind, .stop_fd = stop_fd};
}

void link_close(struct link *l)
{
    pg_close(l->c);
    l->c = NULL;
}

const char *link_transaction_setup(const struct link *l)
{
    return l->is_in_hurry ? kinds[l->kind].hurried : pg_is_pooled(l->c) ? kinds[l->kind].transaction : NULL;
}

/* ---- who may be written to */

/* A standby is none to write to, whatever it does. */
static enum rc check_flushes(struct fence *fence, struct pg *c, bool is_standby, struct err *e)
{
    const char *why = NULL;
    if (is_standby || fence->may_lose) {
        return RC_OK;
    }
    enum rc rc = server_check_flushes(c, &why, e);
    if (!rc || why) {
        atomic_store(&fence->unfit, why);
    }
    return rc;
}

static enum rc check_server(void *link, struct pg *c, struct err *e)
{
    struct link *l = link;
    struct pg_rows *rows = NULL;
    enum rc rc = pg_run(c, TIMELINE, NULL, &rows, e);
    if (rc) {
        return rc;
    }
    bool is_standby = pg_bool(rows, 0, 0);
    int64_t timeline = pg_int(rows, 0, 1), newest = atomic_load(&l->fence->timeline);
    pg_rows_free(rows);
    while (timeline > newest && !atomic_compare_exchange_weak(&l->fence->timeline, &newest, timeline)) {
    }
    if (!is_standby && timeline < newest) {
        return err_set(
            e, RC_BUSY,
            "postgresql: %s is an old primary, on timeline %lld where another was promoted to %lld: "
            "make a standby of it (pg_rewind, pg_basebackup)",
            pg_host(c), (long long)timeline, (long long)newest);
    }
    l->timeline = timeline;
    return check_flushes(l->fence, c, is_standby, e);
}

/* Links that are lost together need not all ask. */
static bool takes_turn_to_ask(struct fence *fence)
{
    int64_t now = clock_mono_us(), asked_at = atomic_load(&fence->asked_at_us);
    return (!asked_at || now - asked_at > ASK_EVERY_US) &&
           atomic_compare_exchange_strong(&fence->asked_at_us, &asked_at, now);
}

/* ---- is it there? */

static bool is_writer(const struct link *l)
{
    return l->kind == LINK_COMMITTER || l->kind == LINK_SLOW;
}

static void see_silence(const struct link *l, int64_t since_us)
{
    int64_t never = 0;
    if (l->fence && l->dsn == l->fence->dsn) {
        (void)atomic_compare_exchange_strong(
            is_writer(l) ? &l->fence->unwritten_since_us : &l->fence->failing_since_us, &never, since_us);
    }
}

void link_see_answer(const struct link *l)
{
    if (l->fence && l->dsn == l->fence->dsn && atomic_load(&l->fence->failing_since_us)) {
        atomic_store(&l->fence->failing_since_us, 0);
    }
}

void link_see_commit(const struct link *l)
{
    link_see_answer(l);
    if (l->fence && l->dsn == l->fence->dsn && atomic_load(&l->fence->unwritten_since_us)) {
        atomic_store(&l->fence->unwritten_why, NULL);
        atomic_store(&l->fence->unwritten_since_us, 0);
    }
}

/* ---- the connection */

/* For migrations nobody waits. What comes late, though the database was not away, tries all the same. */
static int64_t open_ms(const struct link *l, int64_t until_us)
{
    int64_t left_ms = (until_us - clock_mono_us()) / 1000;
    int64_t least_ms = l->down_since_us ? 1 : PG_LEAST_MS;
    bool is_limited = until_us != LINK_ONE_TRY && left_ms < LINK_WAIT_MS;
    return l->kind == LINK_ADMIN ? 0 : !is_limited ? LINK_WAIT_MS : left_ms > least_ms ? left_ms : least_ms;
}

static enum rc open_until(struct link *l, int64_t until_us, struct err *e)
{
    const struct pg_options o = {.connect_ms = l->down_since_us ? RECONNECT_MS : CONNECT_MS,
                                 .open_ms = open_ms(l, until_us),
                                 .timeout_ms = kinds[l->kind].timeout_ms,
                                 .stop_fd = l->stop_fd,
                                 .check = l->fence ? check_server : NULL,
                                 .check_ctx = l,
                                 .ask_all = l->fence && takes_turn_to_ask(l->fence),
                                 .name = kinds[l->kind].name,
                                 .when_crowded = CROWDED,
                                 .setup = kinds[l->kind].session};
    enum rc rc = pg_open(&l->c, l->dsn, &o, e);
    if (rc) {
        l->c = NULL;
        return rc;
    }
    if (l->down_since_us) {
        log_info("store.connected", L_C("as", kinds[l->kind].name), L_C("host", pg_host(l->c)),
                 L_INT("away_ms", (clock_mono_us() - l->down_since_us) / 1000));
    }
    l->down_since_us = l->retry_at_us = l->backoff_ms = 0;
    l->is_silent = false;
    link_see_answer(l);
    return RC_OK;
}

enum rc link_open(struct link *l, struct err *e)
{
    return open_until(l, LINK_ONE_TRY, e);
}

static void note_failure(struct link *l, int64_t begun_us, const struct err *e)
{
    int64_t now = clock_mono_us();
    l->down_since_us = l->down_since_us ? l->down_since_us : begun_us;
    see_silence(l, begun_us);
    if (!l->backoff_ms) {
        log_warn("store.unreachable", L_C("as", kinds[l->kind].name), L_C("error", e->text));
    }
    l->backoff_ms = l->backoff_ms ? 2 * l->backoff_ms : BACKOFF_FIRST_MS;
    l->backoff_ms = l->backoff_ms < BACKOFF_MAX_MS ? l->backoff_ms : BACKOFF_MAX_MS;
    l->retry_at_us = now + l->backoff_ms * 1000;
}

/* True: the store is being closed. */
static bool sleep_until(const struct link *l, int64_t until_us)
{
    struct pollfd fd = {.fd = l->stop_fd > 0 ? l->stop_fd : -1, .events = POLLIN};
    int64_t left_us = until_us - clock_mono_us();
    return left_us > 0 && poll(&fd, 1, (int)(left_us / 1000 + 1)) > 0;
}

/* Another was promoted, or what answers a new connection does not flush: then the old one may not either. */
static bool must_ask_again(const struct link *l)
{
    return l->fence && (l->timeline < atomic_load(&l->fence->timeline) ||
                        (!l->fence->may_lose && atomic_load(&l->fence->unfit)));
}

/* Until when a try that is not due yet is waited for. */
static int64_t give_up_at(const struct link *l, int64_t until_us)
{
    int64_t at = l->down_since_us + LINK_WAIT_MS * 1000;
    return until_us != LINK_FOR_EVER && l->down_since_us && at < until_us ? at : until_us;
}

enum rc link_ready(struct link *l, int64_t until_us, struct err *e)
{
    struct err why = {0};
    if (l->c && must_ask_again(l)) {
        link_close(l);
    }
    while (!l->c) {
        int64_t now = clock_mono_us();
        bool is_late = l->down_since_us && until_us != LINK_ONE_TRY && now > until_us;
        if (now >= l->retry_at_us && !is_late) {
            if (!open_until(l, until_us, &why)) {
                break;
            }
            note_failure(l, now, &why);
        }
        if (is_late || l->retry_at_us > give_up_at(l, until_us) || sleep_until(l, l->retry_at_us)) {
            return err_set_code(e, RC_BUSY, "store_unavailable", NULL, PG_AWAY);
        }
    }
    pg_set_deadline(l->c, until_us == LINK_FOR_EVER ? 0 : until_us);
    return RC_OK;
}

void link_settle(struct link *l)
{
    if (l->c && !pg_is_lost(l->c) && (pg_drain(l->c, NULL) || pg_in_transaction(l->c))) {
        (void)!pg_exec(l->c, "ROLLBACK", NULL);
    }
    if (l->c && pg_has_timed_out(l->c)) { /* it was away for that long already */
        l->down_since_us = clock_mono_us() - LINK_WAIT_MS * 1000;
        l->is_silent = true;
        see_silence(l, clock_mono_us() - (is_writer(l) ? ANSWER_MS * 1000 : 0));
    }
    if (l->c && (pg_is_lost(l->c) || pg_in_transaction(l->c))) {
        link_close(l);
    }
}
