/* parse_pool.c: see parse_pool.h. */
#include "kinds/index_repo/parse_pool.h"

#include "kinds/index_repo/extract.h"

#include <assert.h>
#include <pthread.h>

#define MAX_ANSWER_BYTES (48 << 20)

struct pool_thread {
    struct parse_pool *pool;
    pthread_t thread;
    int lane;
};

struct parse_pool {
    struct attempt *at;
    int64_t timeout_ms;
    pthread_mutex_t lock;
    pthread_cond_t has_work, has_result;
    struct parse_task *waiting, **waiting_end, *finished;
    size_t count; /* only the owner's thread */
    bool is_stopping;
    struct pool_thread threads[PARSE_POOL_THREADS];
};

struct parse_task *parse_task_new(size_t file, enum code_lang lang, size_t max_bytes)
{
    struct parse_task *t = mem_alloc(sizeof *t);
    t->file = file;
    t->request = BUF_LIMIT(max_bytes + 1);
    t->answer = BUF_LIMIT(MAX_ANSWER_BYTES);
    buf_append_char(&t->request, (char)lang);
    return t;
}

void parse_task_free(struct parse_task *t)
{
    buf_dispose(&t->request);
    buf_dispose(&t->answer);
    mem_free(t);
}

static void *serve(void *arg)
{
    struct pool_thread *me = arg;
    struct parse_pool *p = me->pool;
    (void)pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->waiting && !p->is_stopping) {
            (void)pthread_cond_wait(&p->has_work, &p->lock);
        }
        struct parse_task *t = p->waiting;
        if (p->is_stopping) {
            break;
        }
        p->waiting = t->next;
        p->waiting_end = p->waiting ? p->waiting_end : &p->waiting;
        (void)pthread_mutex_unlock(&p->lock);
        t->rc = attempt_parse(p->at, me->lane, buf_str(&t->request), p->timeout_ms, &t->answer, &t->err);
        (void)pthread_mutex_lock(&p->lock);
        t->next = p->finished;
        p->finished = t;
        (void)pthread_cond_signal(&p->has_result);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct parse_pool *parse_pool_start(struct attempt *at, int64_t timeout_ms)
{
    struct parse_pool *p = mem_alloc(sizeof *p);
    p->at = at;
    p->timeout_ms = timeout_ms;
    p->waiting_end = &p->waiting;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->has_work, NULL);
    (void)pthread_cond_init(&p->has_result, NULL);
    for (int i = 0; i < PARSE_POOL_THREADS; i++) {
        p->threads[i] = (struct pool_thread){.pool = p, .lane = i};
        int failed = pthread_create(&p->threads[i].thread, NULL, serve, &p->threads[i]);
        assert(!failed);
    }
    return p;
}

void parse_pool_submit(struct parse_pool *p, struct parse_task *t)
{
    (void)pthread_mutex_lock(&p->lock);
    t->next = NULL;
    *p->waiting_end = t;
    p->waiting_end = &t->next;
    p->count++;
    (void)pthread_cond_signal(&p->has_work);
    (void)pthread_mutex_unlock(&p->lock);
}

size_t parse_pool_count(const struct parse_pool *p)
{
    return p->count;
}

struct parse_task *parse_pool_take(struct parse_pool *p)
{
    if (p->count == 0) {
        return NULL;
    }
    (void)pthread_mutex_lock(&p->lock);
    while (!p->finished) {
        (void)pthread_cond_wait(&p->has_result, &p->lock);
    }
    struct parse_task *t = p->finished;
    p->finished = t->next;
    p->count--;
    (void)pthread_mutex_unlock(&p->lock);
    return t;
}

static void free_list(struct parse_task *t)
{
    while (t) {
        struct parse_task *next = t->next;
        parse_task_free(t);
        t = next;
    }
}

void parse_pool_stop(struct parse_pool *p)
{
    if (!p) {
        return;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->is_stopping = true;
    (void)pthread_cond_broadcast(&p->has_work);
    (void)pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < PARSE_POOL_THREADS; i++) {
        (void)pthread_join(p->threads[i].thread, NULL);
    }
    free_list(p->waiting);
    free_list(p->finished);
    (void)pthread_cond_destroy(&p->has_work);
    (void)pthread_cond_destroy(&p->has_result);
    (void)pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

enum rc parse_answer(struct str request, struct buf *answer, struct err *e)
{
    struct arena *a = arena_new();
    struct code_parsed p = {0};
    struct extract_limits limits = {0}; /* time is the asking side's business: it kills */
    enum code_lang lang = request.n > 0 ? (enum code_lang)(unsigned char)request.p[0] : CODE_NO_LANG;
    enum rc rc = extract_file(str_sub(request, 1, request.n), lang, &limits, a, &p, e);
    if (!rc) {
        code_encode(&p, answer);
        rc = buf_check(answer, "the record", e);
    }
    arena_free(a);
    return rc;
}
