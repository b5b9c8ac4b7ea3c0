/* index_queries.c: /v1/index: which repositories are indexed, and questions to an index. The file was written by a worker, so it
 * is opened only in a process of its own (`stint index-query`), which can read that file and nothing else, and is killed
 * when its time is over. A few run at once; more wait in line. */
#include "api/index_queries.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "codeindex/codeindex_name.h"
#include "loop/loop_children.h"

#define QUERY_DEFAULT_MS 10000
#define RUNNING_MAX      4
#define WAITING_MAX      256
#define ANSWER_BYTES_MAX ((size_t)32 << 20)
#define PROGRAM          "/proc/self/exe"
#define NO_SUCH_REPO     "this repository, or this ref of it, is not indexed"

struct index_query {
    struct api_call *c;
    struct index_query *next; /* in line */
    struct str request;       /* "PATH\n" and the JSON for codeindex_query */
    struct buf answer;
    struct child *child;
    struct stream *stream;
    struct loop_timer timer;
    struct child_exit exit;
    char *temp_path; /* of an index that is a row of the store; ours to remove */
    bool has_exited, is_read, is_late;
};

struct index_queries {
    struct api *api;
    struct index_query *first, **last; /* in line */
    int running, waiting;
};

struct index_queries *index_queries_new(struct api *api)
{
    struct index_queries *all = mem_alloc(sizeof *all);

    all->api = api;
    all->last = &all->first;
    return all;
}

void index_queries_free(struct index_queries *all)
{
    mem_free(all);
}

/* ---- the process ---- */

static void start_next(struct index_queries *all);

static void clean_up(struct index_query *q)
{
    struct index_queries *all = q->c->api->index;

    timer_stop(all->api->loop, &q->timer);
    stream_close(q->stream);
    q->stream = NULL;
    if (q->temp_path) {
        (void)unlink(q->temp_path);
    }
    all->running--;
    q->c->holder.on_left = NULL;
    start_next(all);
}

static void unreadable(struct api_call *c)
{
    api_fail(c, RC_CONFLICT, "index_unreadable", NULL, "index the repository again");
}

/* {"rc","code"?,"field"?,"text"} */
static void answer_failure(struct index_query *q, struct str text)
{
    struct json *v = NULL;
    struct str name = STR_NONE;
    struct str code = STR_NONE;
    struct str field = STR_NONE;
    struct str detail = STR_NONE;
    char at[80];

    if (json_parse(text, q->c->a, &v, NULL) || json_get_str(v, "rc", &name, NULL) ||
        json_get_str(v, "code", &code, NULL) || json_get_str(v, "field", &field, NULL) ||
        json_get_str(v, "text", &detail, NULL)) {
        unreadable(q->c);
        return;
    }
    const struct wire_problem *p = wire_problem_named(code);
    str_print(at, sizeof at, field.n ? "?%.*s" : "%.*s", (int)(field.n < 64 ? field.n : 64), field.p);
    if (str_eq(name, str_from(rc_name(RC_INVALID)))) {
        api_fail(q->c, RC_INVALID, p && p->rc == RC_INVALID ? p->code : "invalid_field", at, "%.*s",
                 STR_ARG(detail));
    } else if (str_eq(name, str_from(rc_name(RC_NOT_FOUND)))) {
        api_fail(q->c, RC_NOT_FOUND, NULL, at, "%.*s", STR_ARG(detail));
    } else if (str_eq(name, str_from(rc_name(RC_BUSY)))) {
        api_fail(q->c, RC_BUSY, "query_timeout", NULL, "ask for less");
    } else {
        unreadable(q->c);
    }
}

/* What the process says is as little to be trusted as the file. */
static void answer(struct index_query *q)
{
    struct str text = buf_str(&q->answer);
    struct str rest;
    struct str verdict = str_cut(text, '\n', &rest);

    if (q->is_late) {
        api_fail(q->c, RC_BUSY, "query_timeout", NULL, "ask for less");
    } else if (q->exit.signal || q->answer.overflowed) {
        unreadable(q->c);
    } else if (str_eq(verdict, STR("failed"))) {
        answer_failure(q, rest);
    } else if (!str_eq(verdict, STR("ok")) || !str_starts(rest, STR("{")) || json_validate(rest, NULL)) {
        unreadable(q->c);
    } else {
        http_header(q->c->x, STR("Cache-Control"), STR("no-store"));
        http_header(q->c->x, STR("X-Content-Type-Options"), STR("nosniff"));
        http_respond(q->c->x, 200, STR("application/json"), arena_str(q->c->a, rest));
    }
}

static void maybe_finish(struct index_query *q)
{
    if (q->has_exited && q->is_read) {
        struct buf text = q->answer;
        clean_up(q);
        answer(q); /* q is gone with its call */
        buf_dispose(&text);
    }
}

static void on_exit_of(void *ctx, struct child *child, const struct child_exit *x)
{
    struct index_query *q = ctx;

    (void)child;
    q->child = NULL;
    q->exit = *x;
    q->has_exited = true;
    maybe_finish(q);
}

static void on_read(void *ctx, struct str bytes)
{
    struct index_query *q = ctx;

    buf_append_str(&q->answer, bytes);
}

static void on_end(void *ctx, enum stream_end why)
{
    struct index_query *q = ctx;

    (void)why;
    q->is_read = true;
    maybe_finish(q);
}

static void on_written(void *ctx)
{
    stream_shutdown(((struct index_query *)ctx)->stream);
}

static void on_late(struct loop_timer *t)
{
    struct index_query *q = LOOP_OWNER(t, struct index_query, timer);

    q->is_late = true;
    if (q->child) {
        child_kill_group(q->child, SIGKILL);
    }
}

/* Nobody waits for the answer any more. */
static void on_left(struct api_holder *h, struct http_exchange *x)
{
    struct api_call *c = LOOP_OWNER(h, struct api_call, holder);
    struct index_query *q = c->state;

    if (q->child) {
        child_kill_group(q->child, SIGKILL);
        child_detach(q->child);
    }
    clean_up(q);
    buf_dispose(&q->answer);
    http_drop(x);
}

static enum rc start_child(struct index_query *q, int theirs, struct err *e)
{
    struct api *api = q->c->api;
    const char *program = api->options.program ? api->options.program : PROGRAM;
    const char *argv[] = {program, "index-query", NULL};
    const char *envp[] = {NULL};
    struct child_options o = {.argv = argv,
                              .envp = envp,
                              .cwd = "/",
                              .fds = {theirs, theirs, -1},
                              .fd_count = 3,
                              .on_exit = on_exit_of,
                              .ctx = q};

    return child_start(api->loop, &o, &q->child, e);
}

static enum rc talk(struct index_query *q, struct err *e)
{
    static const struct stream_handler handler = {
        .on_read = on_read, .on_end = on_end, .on_written = on_written};
    int ours = -1;
    int theirs = -1;
    enum rc rc = child_socket_pair(&ours, &theirs, e);

    if (rc) {
        return rc;
    }
    rc = start_child(q, theirs, e);
    close(theirs);
    if (rc) {
        close(ours);
        return rc;
    }
    rc = stream_open(q->c->api->loop, ours, &q->stream, e);
    if (rc) {
        child_kill_group(q->child, SIGKILL);
        child_detach(q->child);
        return rc;
    }
    stream_set_handler(q->stream, &handler, q);
    stream_read_start(q->stream);
    if (stream_write(q->stream, &q->request, 1) == RC_OK) {
        stream_shutdown(q->stream);
    }
    return RC_OK;
}

static void run(struct index_query *q)
{
    struct api *api = q->c->api;
    struct err e;

    api->index->running++;
    q->answer = BUF_LIMIT(ANSWER_BYTES_MAX);
    enum rc rc = talk(q, &e);
    if (rc) {
        clean_up(q);
        api_problem(q->c, RC_BUSY, NULL);
        return;
    }
    q->c->holder.on_left = on_left;
    q->timer.run = on_late;
    timer_start(api->loop, &q->timer,
                api->options.index_query_ms > 0 ? api->options.index_query_ms : QUERY_DEFAULT_MS);
}

/* ---- the line ---- */

static void start_next(struct index_queries *all)
{
    struct index_query *q = all->first;

    if (!q || all->running >= RUNNING_MAX) {
        return;
    }
    all->first = q->next;
    if (!all->first) {
        all->last = &all->first;
    }
    all->waiting--;
    run(q);
}

static void on_left_in_line(struct api_holder *h, struct http_exchange *x)
{
    struct api_call *c = LOOP_OWNER(h, struct api_call, holder);
    struct index_queries *all = c->api->index;
    struct index_query **at = &all->first;

    while (*at != c->state) {
        at = &(*at)->next;
    }
    *at = (*at)->next;
    if (!*at) {
        all->last = at;
    }
    all->waiting--;
    http_drop(x);
}

static void stand_in_line(struct index_query *q)
{
    struct index_queries *all = q->c->api->index;

    if (http_client_left(q->c->x)) {
        http_drop(q->c->x);
        return;
    }
    if (all->waiting >= WAITING_MAX) {
        api_problem(q->c, RC_BUSY, NULL);
        return;
    }
    q->next = NULL;
    *all->last = q;
    all->last = &q->next;
    all->waiting++;
    q->c->holder.on_left = on_left_in_line;
    start_next(all);
}

/* ---- the request ---- */

enum member_type { MEMBER_TEXT, MEMBER_INT, MEMBER_BOOL, MEMBER_DEPTH };

static const struct {
    const char *name;
    enum member_type type;
} members[] = {
    {"q", MEMBER_TEXT},      {"kind", MEMBER_TEXT},   {"path", MEMBER_TEXT},   {"lang", MEMBER_TEXT},
    {"file", MEMBER_TEXT},   {"status", MEMBER_TEXT}, {"reason", MEMBER_TEXT}, {"direction", MEMBER_TEXT},
    {"cursor", MEMBER_TEXT}, {"limit", MEMBER_INT},   {"depth", MEMBER_DEPTH}, {"exported", MEMBER_BOOL},
    {"locals", MEMBER_BOOL},
};

/* A value of another type goes as the text it is: the query then says what is wrong with it. */
static void put_member(struct json_out *w, const char *name, enum member_type type, struct str value)
{
    int64_t number = 0;

    if ((type == MEMBER_INT || type == MEMBER_DEPTH) && str_to_i64(value, &number)) {
        json_put_int(w, name, number);
    } else if (type == MEMBER_BOOL && (str_eq(value, STR("true")) || str_eq(value, STR("false")))) {
        json_put_bool(w, name, value.n == 4);
    } else {
        json_put_str(w, name, value);
    }
}

static struct str write_request(struct api_call *c, struct str path)
{
    struct buf *b = &c->api->scratch;

    buf_clear(b);
    buf_append_str(b, path);
    buf_append_char(b, '\n');
    struct json_out w = json_writer(b);
    json_object_begin(&w);
    json_put_c(&w, "query", c->route->pattern + sizeof "/v1/index/{repo}/" - 1);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct str value;
        if (http_query_param(c->x, str_from(members[i].name), &value)) {
            put_member(&w, members[i].name, members[i].type, value);
        }
    }
    json_object_end(&w);
    return arena_str(c->a, buf_str(b));
}

/* A small index is a row of the store: the process needs a file. */
static bool write_temp(struct index_query *q, struct str bytes, struct str *path)
{
    struct api_call *c = q->c;
    const char *dir = store_files_dir(queue_store(c->api->queue));
    struct id name = id_random(store_now(queue_store(c->api->queue)));

    *path = arena_printf(c->a, "%s/%s.part", dir, id_text(name).s);
    int fd = open(path->p, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    q->temp_path = (char *)path->p;
    bool ok = buf_write_fd(fd, bytes, path->p, NULL) == RC_OK;
    close(fd);
    if (!ok) {
        (void)unlink(q->temp_path);
    }
    return ok;
}

static void on_series(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_get_series *get = LOOP_OWNER(op, struct store_get_series, op);
    struct index_query *q = arena_alloc(c->a, sizeof *q);

    if (op->rc == RC_NOT_FOUND || (op->rc == RC_OK && get->count == 0)) {
        api_fail(c, RC_NOT_FOUND, NULL, NULL, NO_SUCH_REPO);
        return;
    }
    if (api_failed(c, op)) {
        return;
    }
    const struct artifact *file = &get->entries[0].artifact;
    struct str path = file->path;
    q->c = c;
    c->state = q;
    if (path.n == 0 && !write_temp(q, file->bytes, &path)) {
        api_problem(c, RC_BUSY, NULL);
        return;
    }
    q->request = write_request(c, path);
    stand_in_line(q);
}

void api_query_index(struct api_call *c)
{
    struct store_get_series *op = api_op(c, sizeof *op, STORE_GET_SERIES, on_series);
    struct str ref = STR_NONE;

    if (!api_query_name(c, "ref", &ref) || !api_param_is_text(c, 0)) {
        return;
    }
    op->tenant = c->tenant;
    op->name = codeindex_series(c->params[0], ref, c->a);
    op->limit = 1;
    api_submit(c, &op->op);
}

/* ---- GET /v1/index ---- */

static void put_result_text(struct json_out *w, const struct json *result, const char *name)
{
    const struct json *v = json_get(result, str_from(name));

    wire_put_text(w, name, v && v->type == JSON_STRING ? v->s : STR_NONE);
}

static void write_index(struct api_call *c, struct json_out *w, const struct series_entry *entry)
{
    struct json *result = NULL;

    if (entry->result.n == 0 || json_parse(entry->result, c->a, &result, NULL)) {
        result = NULL;
    }
    json_object_begin(w);
    put_result_text(w, result, "repo");
    put_result_text(w, result, "ref");
    put_result_text(w, result, "commit");
    json_put_id(w, "job", entry->artifact.job);
    json_put_int(w, "size", entry->artifact.size);
    json_put_time(w, "indexed_at", entry->published_at);
    json_object_end(w);
}

static void on_list(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_series *list = LOOP_OWNER(op, struct store_list_series, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "repos");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        write_index(c, &w, &list->entries[i]);
    }
    json_array_end(&w);
    bool is_full = (int64_t)list->count == list->limit;
    wire_put_text(&w, "next_after", is_full ? list->names[list->count - 1] : STR_NONE);
    json_object_end(&w);
    api_answer(c, 200);
}

void api_list_indexes(struct api_call *c)
{
    struct store_list_series *op = api_op(c, sizeof *op, STORE_LIST_SERIES, on_list);

    op->tenant = c->tenant;
    op->prefix = STR(CODEINDEX_SERIES_PREFIX);
    op->limit = 100;
    if (api_query_name(c, "after", &op->after) && api_query_int(c, "limit", 1, 1000, &op->limit)) {
        api_submit(c, &op->op);
    }
}
