/* client.c: one thread runs the loop; a call is a task posted to it and a condition waited for. */
#include "client/client.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "client/config.h"

#define PIECES_MAX_BYTES (256 << 10) /* what a slow reader of a stream may leave unread here */

struct stint_client {
    struct loop *loop;
    struct http_client *http;
    pthread_t thread;
    char authorization[300];
    struct client_config config;
};

/* One call under way. Fields below the mutex are written by the loop's thread, read by the caller. */
struct pending {
    struct loop_task task;
    struct stint_client *client;
    const struct client_request *request;
    struct http_call *call;
    struct http_field fields[4];
    size_t field_count;
    bool is_stream, give_up, is_paused;
    int body_fd;
    int64_t body_fd_bytes;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done, was_cancelled;
    enum rc rc;
    struct err err;
    bool maybe_sent;
    int status;
    char next_cursor[sizeof((struct client_reply *)NULL)->next_cursor];
    struct buf body; /* the whole answer, or pieces of a stream not yet taken */
};

static bool pending_on_head(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct pending *p = ctx;
    (void)call;
    pthread_mutex_lock(&p->lock);
    p->status = a->status;
    str_copy(p->next_cursor, sizeof p->next_cursor, http_answer_header(a, STR("Stint-Next-Cursor")));
    pthread_mutex_unlock(&p->lock);
    return true;
}

static bool pending_on_data(void *ctx, struct http_call *call, struct str piece)
{
    struct pending *p = ctx;
    pthread_mutex_lock(&p->lock);
    buf_append_str(&p->body, piece);
    if (p->is_stream && p->body.n > PIECES_MAX_BYTES && !p->is_paused) {
        p->is_paused = true;
        http_call_pause(call);
    }
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return true;
}

static void pending_on_done(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct pending *p = ctx;
    (void)call;
    pthread_mutex_lock(&p->lock);
    p->call = NULL;
    p->is_done = true;
    p->rc = a->rc;
    p->status = a->status;
    str_copy(p->next_cursor, sizeof p->next_cursor, http_answer_header(a, STR("Stint-Next-Cursor")));
    p->maybe_sent = a->maybe_sent;
    if (a->rc && a->err) {
        p->err = *a->err;
    }
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void pending_start(struct loop_task *t)
{
    struct pending *p = LOOP_OWNER(t, struct pending, task);
    const struct client_request *r = p->request;
    struct http_call_options o = {
        .method = r->method,
        .path = r->path,
        .fields = p->fields,
        .field_count = p->field_count,
        .body = r->body,
        .body_fd = p->body_fd,
        .body_fd_bytes = p->body_fd_bytes,
        .timeout_ms = p->is_stream ? 0 : (r->timeout_ms ? r->timeout_ms : CLIENT_CALL_MS),
        .silence_ms = p->is_stream ? 40000 : 0,
        .ctx = p,
        .on_head = pending_on_head,
        .on_data = pending_on_data,
        .on_done = pending_on_done,
    };
    p->call = http_call_start(p->client->http, &o);
}

/* Posted by a stream's reader: it took the pieces, or it wants no more. */
static void pending_poke(struct loop_task *t)
{
    struct pending *p = LOOP_OWNER(t, struct pending, task);
    pthread_mutex_lock(&p->lock);
    if (p->give_up) {
        if (p->call) {
            http_call_cancel(p->call);
            p->call = NULL;
        }
        p->is_done = p->was_cancelled = true;
    } else if (p->is_paused && p->call) {
        p->is_paused = false;
        http_call_resume(p->call);
    }
    p->task.run = NULL; /* may be posted again */
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static int pending_init(struct pending *p, struct stint_client *c, const struct client_request *r,
                        struct stint_error *e)
{
    *p = (struct pending){.client = c, .request = r, .body_fd = -1, .body = BUF_LIMIT(64 << 20)};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    if (c->authorization[0]) {
        p->fields[p->field_count++] = (struct http_field){STR("Authorization"), str_from(c->authorization)};
    }
    if (r->body.n || r->body_path) {
        struct str type = r->content_type.n ? r->content_type : STR("application/json");
        p->fields[p->field_count++] = (struct http_field){STR("Content-Type"), type};
    }
    if (r->header_name.n) {
        p->fields[p->field_count++] = (struct http_field){r->header_name, r->header_value};
    }
    if (r->body_path) {
        struct stat st;
        p->body_fd = open(r->body_path, O_RDONLY | O_CLOEXEC);
        if (p->body_fd < 0 || fstat(p->body_fd, &st)) {
            return client_error(e, STINT_EINVALID, "%s: cannot be read", r->body_path);
        }
        p->body_fd_bytes = st.st_size;
    }
    return STINT_OK;
}

static void pending_dispose(struct pending *p)
{
    if (p->body_fd >= 0) {
        close(p->body_fd);
    }
    buf_dispose(&p->body);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
}

/* What the end of a call means to the caller. An answer that was cut counts as unknown when the server may have acted. */
static int pending_outcome(const struct pending *p, struct stint_error *e)
{
    if (p->rc == RC_OK) {
        return p->status < 400 ? STINT_OK : client_error_from_problem(e, p->status, buf_str(&p->body));
    }
    if (p->rc == RC_BUSY || p->rc == RC_NOT_FOUND) {
        return client_error(e, p->maybe_sent ? STINT_EUNKNOWN : STINT_ECONNECT, "%s: %s",
                            p->client->config.url, p->err.text);
    }
    return client_error_from(e, &p->err);
}

int client_request(struct stint_client *c, const struct client_request *r, struct client_reply *reply,
                   struct stint_error *e)
{
    struct pending p;
    *reply = (struct client_reply){.body = BUF_LIMIT(64 << 20)};
    int code = pending_init(&p, c, r, e);
    if (!code) {
        p.task.run = pending_start;
        loop_post(c->loop, &p.task);
        pthread_mutex_lock(&p.lock);
        while (!p.is_done) {
            pthread_cond_wait(&p.changed, &p.lock);
        }
        pthread_mutex_unlock(&p.lock);
        reply->status = p.status;
        code = pending_outcome(&p, e);
        str_copy(reply->next_cursor, sizeof reply->next_cursor, str_from(p.next_cursor));
        reply->body = p.body;
        p.body = BUF_LIMIT(0);
    }
    pending_dispose(&p);
    return code;
}

void client_reply_dispose(struct client_reply *reply)
{
    buf_dispose(&reply->body);
}

/* Takes what came so far (empty: the end). */
static struct buf take_pieces(struct pending *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->body.n && !p->is_done) {
        pthread_cond_wait(&p->changed, &p->lock);
    }
    struct buf pieces = p->body;
    p->body = BUF_LIMIT(64 << 20);
    bool is_poke_needed = p->is_paused;
    while (is_poke_needed && p->task.run) { /* the start itself, or a poke, is still on its way */
        pthread_cond_wait(&p->changed, &p->lock);
    }
    if (is_poke_needed && !p->is_done) {
        p->task.run = pending_poke;
        loop_post(p->client->loop, &p->task);
    }
    pthread_mutex_unlock(&p->lock);
    return pieces;
}

static void stop_stream(struct pending *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->task.run) { /* the start, or a poke, is still on its way: the task can be posted only once */
        pthread_cond_wait(&p->changed, &p->lock);
    }
    if (!p->is_done) {
        p->give_up = true;
        p->task.run = pending_poke;
        loop_post(p->client->loop, &p->task);
        while (p->task.run) {
            pthread_cond_wait(&p->changed, &p->lock);
        }
    }
    pthread_mutex_unlock(&p->lock);
}

static void stream_start_task(struct loop_task *t)
{
    struct pending *p = LOOP_OWNER(t, struct pending, task);
    pending_start(t);
    pthread_mutex_lock(&p->lock);
    p->task.run = NULL;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

int client_stream(struct stint_client *c, const struct client_request *r, int *status,
                  bool (*on_piece)(void *ctx, struct str piece), void *ctx, struct stint_error *e)
{
    struct pending p;
    int code = pending_init(&p, c, r, e);
    bool is_wanted = true;
    *status = 0;
    if (!code) {
        p.is_stream = true;
        p.task.run = stream_start_task;
        loop_post(c->loop, &p.task);
        while (is_wanted) {
            struct buf pieces = take_pieces(&p);
            if (!pieces.n) {
                buf_dispose(&pieces);
                break;
            }
            if (p.status < 400) {
                is_wanted = on_piece(ctx, buf_str(&pieces));
                buf_dispose(&pieces);
            } else { /* a problem document: keep it for the outcome */
                pthread_mutex_lock(&p.lock);
                buf_append(&pieces, p.body.p, p.body.n);
                buf_dispose(&p.body);
                p.body = pieces;
                while (!p.is_done) {
                    pthread_cond_wait(&p.changed, &p.lock);
                }
                pthread_mutex_unlock(&p.lock);
                break;
            }
        }
        stop_stream(&p);
        *status = p.status;
        code = is_wanted ? pending_outcome(&p, e) : STINT_OK;
    }
    pending_dispose(&p);
    return code;
}

static void *client_main(void *arg)
{
    struct stint_client *c = arg;
    loop_run(c->loop);
    return NULL;
}

struct stint_client *stint_open(const char *url, const char *key, struct stint_error *e)
{
    struct err err = {0};
    struct stint_client *c = mem_alloc(sizeof(*c));
    struct http_client_options o = {.connections = 8};

    if (client_config_load(url, key, &c->config, &err)) {
        goto failed;
    }
    c->loop = loop_new();
    o.url = str_from(c->config.url);
    if (http_client_new(c->loop, &o, &c->http, &err)) {
        goto failed;
    }
    if (c->config.key[0]) {
        str_print(c->authorization, sizeof(c->authorization), "Bearer %s", c->config.key);
    }
    if (pthread_create(&c->thread, NULL, client_main, c)) {
        err_set(&err, RC_FATAL, "no thread for the client");
        http_client_free(c->http);
        goto failed;
    }
    return c;
failed:
    client_error_from(e, &err);
    loop_free(c->loop);
    mem_free(c);
    return NULL;
}

void stint_close(struct stint_client *c)
{
    if (!c) {
        return;
    }
    loop_stop(c->loop);
    pthread_join(c->thread, NULL);
    http_client_free(c->http);
    loop_free(c->loop);
    mem_free(c);
}

void stint_free(void *p)
{
    mem_free(p);
}
