/* How long an operation waits at most when its database does not answer, or is locked: from when it was submitted. */
#include "postgres_rig.h"

#include "base/clock.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MANY 40 /* of readers there are 4 */

struct asked {
    struct store_list_jobs reads[MANY];
    struct store_enqueue write;
    struct job_spec spec;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int left; /* operations that are not answered yet */
};

/* The record of a round comes to whoever waits for its operations. */
static void count_down(void *ctx, struct store_round *r)
{
    struct asked *w = ctx;
    pthread_mutex_lock(&w->lock);
    for (const struct store_op *op = r->done; op; op = op->next) {
        w->left--;
    }
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    store_round_free(r);
}

static void reopen_for(struct store_test *s, struct asked *w)
{
    *w = (struct asked){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    s->options.on_round = count_down;
    s->options.on_round_ctx = w;
    reopen(s);
}

/* So many reads, then a write if one is wanted. */
static void ask(struct store_test *s, struct asked *w, int reads, bool with_write)
{
    w->left = reads + with_write;
    for (int i = 0; i < reads; i++) {
        store_init(&w->reads[i].op, sizeof w->reads[i], STORE_LIST_JOBS, arena_new());
        w->reads[i].tenant = s->tenant;
        w->reads[i].limit = 10;
        store_submit(s->store, &w->reads[i].op);
    }
    if (with_write) {
        w->spec = (struct job_spec){.kind = STR("k"), .args = STR("{}")};
        store_init(&w->write.op, sizeof w->write, STORE_ENQUEUE, s->a);
        w->write.tenant = s->tenant;
        w->write.specs = &w->spec;
        w->write.count = 1;
        store_submit(s->store, &w->write.op);
    }
}

static int left_of(struct asked *w)
{
    pthread_mutex_lock(&w->lock);
    int left = w->left;
    pthread_mutex_unlock(&w->lock);
    return left;
}

static void await(struct asked *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->left > 0) {
        pthread_cond_wait(&w->changed, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

static void check_refused(const struct store_op *op, const char *words)
{
    CHECK_INT(op->rc, RC_BUSY);
    CHECK_STR(str_from(op->e.code), STR("store_unavailable"));
    ck_assert_msg(strstr(op->e.text, words) != NULL, "%s", op->e.text);
}

static void free_reads(struct asked *w, int reads)
{
    for (int i = 0; i < reads; i++) {
        arena_free(w->reads[i].op.a);
    }
}

/* Whoever connects is kept waiting. */
static int listen_silently(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    str_copy(at.sun_path, sizeof at.sun_path, str_from(test_path(".s.PGSQL.5432")));
    CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(fd, 64), 0);
    return fd;
}

SERVER_STORE_TEST(the_time_of_an_operation_runs_from_when_it_was_submitted)
{
    struct asked w;
    if (!reopen_through_link(s)) {
        return;
    }
    reopen_for(s, &w);
    (void)a_queued_job(s);
    CHECK_INT(unlink(test_path(".s.PGSQL.5432")), 0);
    int fd = listen_silently();
    cut_connections(s);
    int64_t begun = clock_mono_us();
    ask(s, &w, 12, true);
    await(&w);
    CHECK_TRUE(clock_mono_us() - begun < 6500000);
    for (int i = 0; i < 12; i++) {
        check_refused(&w.reads[i].op, "cannot be reached");
    }
    check_refused(&w.write.op, "cannot be reached");
    free_reads(&w, 12);
    close(fd);
}

SERVER_STORE_TEST(reads_wait_no_longer_for_a_locked_table_when_many_wait_and_others_pass_them)
{
    struct asked w;
    struct pg *c = a_stranger(s);
    AN_OP(s, keys, store_list_keys, STORE_LIST_KEYS);
    keys.tenant = s->tenant;
    reopen_for(s, &w);
    say_sql(c, "BEGIN; LOCK TABLE stint.job IN ACCESS EXCLUSIVE MODE");
    int64_t begun = clock_mono_us();
    ask(s, &w, MANY, false);
    run_op(s, &keys.op);
    CHECK_INT(left_of(&w), MANY);
    await(&w);
    CHECK_TRUE(clock_mono_us() - begun < 10000000);
    for (int i = 0; i < MANY; i++) {
        check_refused(&w.reads[i].op, "another transaction");
    }
    free_reads(&w, MANY);
    ask(s, &w, MANY, false);
    say_sql(c, "ROLLBACK");
    await(&w);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(w.reads[i].op.rc, RC_OK);
    }
    free_reads(&w, MANY);
    pg_close(c);
}
