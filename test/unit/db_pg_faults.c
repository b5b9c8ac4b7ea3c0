/* db/pg.h against a real server: every way a connection can be refused, cut, stopped or held up. */
#include "pg_rig.h"

#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static bool holds(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* ---- connecting */

static void check_refused(const char *dsn, enum rc want, const char *words, struct err *e)
{
    struct pg *c = NULL;
    FAILS(pg_open(&c, dsn, NULL, e), want);
    ck_assert_msg(holds(e->text, words), "\"%s\" lacks \"%s\"", e->text, words);
    ck_assert_msg(!holds(e->text, "hunter2"), "the password is in \"%s\"", e->text);
}

TEST(a_dsn_that_cannot_be_read_says_so_without_the_password)
{
    check_refused("postgresql://u:hunter2@h/x?foo=1", RC_INVALID, "foo", e);
    check_refused("postgresql://u:hunter2/x@h/x", RC_INVALID, "%2F", e);
    check_refused("postgresql://u:x@hunter2@h/x", RC_INVALID, "%40", e);
    check_refused("postgresql://u:hunter2%zz@h/x", RC_INVALID, "cannot be read", e);
    check_refused("hunter2", RC_INVALID, "cannot be read", e);
    check_refused("host=h password='hunter2", RC_INVALID, "cannot be read", e);
}

TEST(a_server_that_is_not_there_may_come)
{
    check_refused("postgresql://u:hunter2@/x?host=/nonexistent", RC_BUSY, "/nonexistent", e);
}

PG_TEST(a_missing_database_and_an_unknown_role_are_told_apart)
{
    const char *why = "";
    char dsn[600];
    check_refused(pg_rig_dsn("no_such_database"), RC_NOT_FOUND, "no_such_database", e);
    str_print(dsn, sizeof dsn, "%s&user=nobody_here&password=hunter2", pg_rig_server(&why));
    check_refused(dsn, RC_DENIED, "nobody_here", e);
    OK(pg_exec(c, "SELECT 1", e));
}

PG_TEST(a_session_that_takes_no_writes_is_refused_unless_asked_for)
{
    const char *dsn = pg_rig_database(NULL);
    char any[600];
    struct pg_rows *r = NULL;
    OK(pg_run(c,
              "SELECT 'ALTER DATABASE ' || max(datname) || ' SET default_transaction_read_only = on' "
              "FROM pg_database WHERE datname LIKE 'test\\_%'",
              NULL, &r, e));
    OK(pg_exec(c, pg_str(r, 0, 0).p, e));
    pg_rows_free(r);
    check_refused(dsn, RC_BUSY, "read-only", e);
    str_print(any, sizeof any, "%s&target_session_attrs=any", dsn);
    struct pg *reader = pg_rig_connect(any);
    FAILS(pg_run(reader, "CREATE TABLE t (i int)", NULL, NULL, e), RC_BUSY);
    CHECK_FAULT(reader, PG_READ_ONLY);
    ck_assert_ptr_nonnull(strstr(e->text, "(25006): "));
    ck_assert_ptr_nonnull(strstr(e->text, "read-only by default (default_transaction_read_only)"));
    ck_assert_ptr_nonnull(strstr(e->text, "set it to off for the role, the database or the server"));
    FAILS(pg_expect_writes(reader, e), RC_BUSY);
    pg_close(reader);
}

PG_TEST(hosts_are_tried_in_order_until_one_serves)
{
    const char *why = "";
    struct str dsn = str_from(pg_rig_server(&why));
    size_t host = str_find(dsn, STR("host="), 0) + 5;
    char two[600];
    str_print(two, sizeof two, "%.*s/nonexistent,%s&port=1,5432", (int)host, dsn.p, dsn.p + host);
    struct pg *other = pg_rig_connect(two);
    CHECK_INT(pg_rig_int(other, "SELECT 1"), 1);
    CHECK_TRUE(pg_server_version(other) >= 150000);
    CHECK_FALSE(pg_is_pooled(other));
    CHECK_FALSE(holds(pg_host(other), "nonexistent"));
    pg_close(other);
}

/* The same server, listed twice. */
static const char *twice(void)
{
    static char dsn[700];
    const char *why = "";
    struct str one = str_from(pg_rig_server(&why));
    size_t host = str_find(one, STR("host="), 0) + 5;
    str_print(dsn, sizeof dsn, "%.*s,%.*s", STR_ARG(one), (int)(one.n - host), one.p + host);
    return dsn;
}

struct judge {
    int calls, refuse; /* the call that is answered with no */
    struct pg *first;
    bool was_first; /* the last call was about the first server again */
};

static enum rc judge(void *ctx, struct pg *c, struct err *e)
{
    struct judge *j = ctx;
    j->calls++;
    j->was_first = c == j->first;
    j->first = j->first ? j->first : c;
    return j->calls == j->refuse ? err_set(e, RC_BUSY, "no") : RC_OK;
}

PG_TEST(one_host_that_will_do_is_asked_or_all_of_them)
{
    struct judge few = {0}, all = {0};
    struct pg *other = NULL;
    OK(pg_open(&other, twice(), &(struct pg_options){.check = judge, .check_ctx = &few}, e));
    CHECK_INT(few.calls, 1);
    pg_close(other);
    OK(pg_open(&other, twice(), &(struct pg_options){.check = judge, .check_ctx = &all, .ask_all = true}, e));
    CHECK_INT(all.calls, 3);
    CHECK_TRUE(other == all.first && all.was_first);
    CHECK_INT(pg_rig_int(other, "SELECT 1"), 1);
    pg_close(other);
}

PG_TEST(what_a_later_host_tells_may_speak_against_an_earlier_one)
{
    struct judge j = {.refuse = 3};
    struct pg *other = NULL;
    OK(pg_open(&other, twice(), &(struct pg_options){.check = judge, .check_ctx = &j, .ask_all = true}, e));
    CHECK_INT(j.calls, 3);
    CHECK_TRUE(j.was_first);
    CHECK_INT(pg_rig_int(other, "SELECT 1"), 1);
    pg_close(other);
}

/* A port of this machine that takes connections and says nothing. */
static int silent_port(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_TRUE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

TEST(a_server_that_never_answers_is_given_up_in_time)
{
    const struct pg_options o = {.connect_ms = 100};
    struct pg *c = NULL;
    char dsn[200];
    int port, fd = silent_port(&port);
    str_print(dsn, sizeof dsn, "postgresql://u:hunter2@127.0.0.1:%d,127.0.0.1:%d/x", port, port);
    FAILS(pg_open(&c, dsn, &o, e), RC_BUSY);
    CHECK_TRUE(holds(e->text, "no connection in time"));
    close(fd);
}

/* ---- the server's ends */

PG_TEST(a_session_that_was_ended_is_lost_for_good)
{
    struct pg *other = pg_rig_connect(pg_rig_dsn("postgres"));
    char sql[100];
    str_print(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)",
              (int)pg_rig_int(other, "SELECT pg_backend_pid()"));
    OK(pg_exec(c, sql, e));
    FAILS(pg_run(other, "SELECT 1", NULL, NULL, e), RC_BUSY);
    CHECK_FAULT(other, PG_LOST);
    CHECK_TRUE(pg_is_lost(other));
    CHECK_TRUE(holds(e->text, "administrator command"));
    FAILS(pg_send(other, "SELECT 1", NULL, e), RC_BUSY);
    FAILS(pg_sync(other, e), RC_BUSY);
    FAILS(pg_next(other, NULL, e), RC_BUSY);
    FAILS(pg_drain(other, e), RC_BUSY);
    FAILS(pg_exec(other, "SELECT 1", e), RC_BUSY);
    CHECK_FAULT(other, PG_LOST);
    pg_close(other);
}

PG_TEST(lost_before_commit_ran_is_not_in_doubt)
{
    SEND(c, "BEGIN", "SELECT pg_terminate_backend(pg_backend_pid())", "COMMIT");
    OK(pg_next(c, NULL, e));
    FAILS(pg_next(c, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_LOST);
    CHECK_STR(str_from(pg_sqlstate(c)), STR("57P01"));
}

/* What runs inside COMMIT: a deferred trigger. */
static void at_commit(struct pg *c, const char *statement, struct err *e)
{
    char sql[600];
    str_print(sql, sizeof sql,
              "CREATE TEMP TABLE t (i int);"
              "CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS "
              "$$ BEGIN %s; RETURN NULL; END $$;"
              "CREATE CONSTRAINT TRIGGER x AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED "
              "FOR EACH ROW EXECUTE FUNCTION pg_temp.f();",
              statement);
    OK(pg_exec(c, sql, e));
    SEND(c, "BEGIN", "INSERT INTO t VALUES (1)", "COMMIT");
    OK(pg_next(c, NULL, e));
    OK(pg_next(c, NULL, e));
}

PG_TEST(lost_in_commit_is_in_doubt)
{
    at_commit(c, "PERFORM pg_terminate_backend(pg_backend_pid())", e);
    FAILS(pg_next(c, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_UNKNOWN);
    CHECK_TRUE(pg_is_lost(c));
    FAILS(pg_next(c, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_UNKNOWN);
}

PG_TEST(a_warning_at_commit_is_in_doubt)
{
    at_commit(c, "RAISE WARNING 'not replicated'", e);
    FAILS(pg_next(c, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_UNKNOWN);
    CHECK_TRUE(holds(e->text, "not replicated"));
    CHECK_FALSE(pg_is_lost(c));
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM t"), 1);
}

PG_TEST(a_warning_elsewhere_is_none)
{
    SEND(c, "BEGIN", "BEGIN", "COMMIT");
    OK(pg_next(c, NULL, e));
    OK(pg_next(c, NULL, e));
    OK(pg_next(c, NULL, e));
    CHECK_FAULT(c, PG_NONE);
}

PG_TEST(given_up_after_commit_was_sent_is_in_doubt)
{
    struct pg *other = pg_rig_connect(pg_rig_dsn("postgres"));
    OK(pg_exec(c, "SELECT pg_advisory_lock(11)", e));
    pg_set_timeout(other, 100);
    SEND(other, "BEGIN", "SELECT pg_advisory_lock(11)", "COMMIT");
    FAILS(pg_next(other, NULL, e), RC_BUSY);
    CHECK_FAULT(other, PG_UNKNOWN);
    CHECK_TRUE(holds(e->text, "no answer within 100 ms"));
    pg_close(other);
}

PG_TEST(a_stopped_server_is_given_up_in_time)
{
    struct pg *other = pg_rig_connect(pg_rig_dsn("postgres"));
    const pid_t pid = (pid_t)pg_rig_int(other, "SELECT pg_backend_pid()");
    CHECK_INT(kill(pid, SIGSTOP), 0);
    pg_set_timeout(other, 100);
    FAILS(pg_run(other, "SELECT 1", NULL, NULL, e), RC_BUSY);
    CHECK_FAULT(other, PG_LOST);
    CHECK_INT(kill(pid, SIGCONT), 0);
    pg_close(other);
}

PG_TEST(told_to_stop_a_wait_ends_at_once)
{
    const struct pg_options o = {.stop_fd = eventfd(0, EFD_CLOEXEC)};
    const char *why = "";
    struct pg *other = NULL;
    OK(pg_exec(c, "SELECT pg_advisory_lock(12)", e));
    OK(pg_open(&other, pg_rig_server(&why), &o, e));
    OK(pg_send(other, "SELECT pg_advisory_lock(12)", NULL, e));
    OK(pg_sync(other, e));
    CHECK_INT(eventfd_write(o.stop_fd, 1), 0);
    FAILS(pg_next(other, NULL, e), RC_BUSY);
    CHECK_FAULT(other, PG_LOST);
    CHECK_TRUE(holds(e->text, "told to stop"));
    pg_close(other);
    FAILS(pg_open(&other, pg_rig_server(&why), &o, e), RC_BUSY);
    close(o.stop_fd);
}

/* ---- held up by others */

PG_TEST(a_lock_that_others_hold_times_out_and_the_connection_goes_on)
{
    struct pg *other = pg_rig_connect(pg_rig_dsn("postgres"));
    OK(pg_exec(c, "SELECT pg_advisory_lock(13)", e));
    OK(pg_exec(other, "SET lock_timeout = 20", e));
    SEND(other, "BEGIN", "SELECT pg_advisory_xact_lock(13)", "COMMIT");
    OK(pg_next(other, NULL, e));
    FAILS(pg_next(other, NULL, e), RC_BUSY);
    CHECK_FAULT(other, PG_LOCKED);
    OK(pg_drain(other, e));
    OK(pg_run(other, "ROLLBACK", NULL, NULL, e));
    OK(pg_exec(other, "SET lock_timeout = 0; SET statement_timeout = 20", e));
    FAILS(pg_run(other, "SELECT pg_advisory_lock(13)", NULL, NULL, e), RC_BUSY);
    CHECK_FAULT(other, PG_TIMEOUT);
    OK(pg_run(other, "SELECT 1", NULL, NULL, e));
    pg_close(other);
}

PG_TEST(of_two_in_a_deadlock_one_is_told_to_try_again)
{
    struct pg *other = pg_rig_connect(pg_rig_dsn("postgres"));
    OK(pg_exec(c, "SET deadlock_timeout = 10", e));
    OK(pg_exec(other, "SET deadlock_timeout = '1h'", e));
    OK(pg_exec(c, "BEGIN; SELECT pg_advisory_xact_lock(14)", e));
    OK(pg_exec(other, "BEGIN; SELECT pg_advisory_xact_lock(15)", e));
    SEND(other, "SELECT pg_advisory_xact_lock(14)");
    while (pg_rig_int(c, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND "
                         "objid = 14") == 0) {
        mark_point();
    }
    FAILS(pg_run(c, "SELECT pg_advisory_xact_lock(15)", NULL, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_RETRY);
    CHECK_STR(str_from(pg_sqlstate(c)), STR("40P01"));
    OK(pg_run(c, "ROLLBACK", NULL, NULL, e));
    OK(pg_next(other, NULL, e));
    pg_close(other);
}

PG_TEST(rights_that_lack_are_denied)
{
    OK(pg_exec(
        c,
        "DO $$ BEGIN CREATE ROLE stint_test_nothing; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        "CREATE TEMP TABLE t (i int); SET ROLE stint_test_nothing",
        e));
    FAILS(pg_run(c, "SELECT * FROM t", NULL, NULL, e), RC_DENIED);
    CHECK_FAULT(c, PG_DENIED);
}

/* ---- notifications */

PG_TEST(notifications_come_in_order_and_a_wait_without_one_ends)
{
    struct pg_notification n;
    struct pg *listener = pg_rig_connect(pg_rig_dsn("postgres"));
    OK(pg_run(listener, "LISTEN stint_test", NULL, NULL, e));
    OK(pg_wait_notify(listener, 0, 0, &n, e));
    CHECK_TRUE(!n.channel.p);
    OK(pg_exec(c, "NOTIFY stint_test, 'one'; NOTIFY stint_test, 'two'; NOTIFY stint_test", e));
    OK(pg_wait_notify(listener, 0, 10000, &n, e));
    CHECK_STR(n.channel, STR("stint_test"));
    CHECK_STR(n.payload, STR("one"));
    OK(pg_wait_notify(listener, 0, 10000, &n, e));
    CHECK_STR(n.payload, STR("two"));
    OK(pg_wait_notify(listener, 0, 10000, &n, e));
    CHECK_STR(n.payload, STR(""));
    OK(pg_wait_notify(listener, 0, 1, &n, e));
    CHECK_TRUE(!n.channel.p);
    OK(pg_run(listener, "SELECT 1", NULL, NULL, e));
    pg_close(listener);
}

PG_TEST(a_wait_for_notifications_ends_when_woken_or_lost)
{
    struct pg_notification n;
    struct pg *listener = pg_rig_connect(pg_rig_dsn("postgres"));
    int wake = eventfd(1, EFD_CLOEXEC);
    char sql[100];
    OK(pg_wait_notify(listener, wake, 50000, &n, e));
    CHECK_TRUE(!n.channel.p);
    close(wake);
    str_print(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)",
              (int)pg_rig_int(listener, "SELECT pg_backend_pid()"));
    OK(pg_exec(c, sql, e));
    FAILS(pg_wait_notify(listener, 0, 50000, &n, e), RC_BUSY);
    CHECK_FAULT(listener, PG_LOST);
    pg_close(listener);
}
