/* artifacts.c: named blobs of a job, and series, which keep the newest of a name. Bytes go through files, never through
 * memory, unless they are small enough to be a row of the store. */
#include "api/call.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEDIA_TYPE_MAX 127

/* ---- writing an artifact's JSON ---- */

static void write_members(struct json_out *w, const struct artifact *f)
{
    char hex[2 * sizeof f->sha256 + 1];

    hex_encode(f->sha256, sizeof f->sha256, hex);
    json_put_str(w, "name", f->name);
    json_put_str(w, "media_type", f->media_type);
    json_put_int(w, "size", f->size);
    json_put_c(w, "sha256", hex);
}

/* ---- PUT: the head opens a file, the body is hashed while it is written, then it is flushed, then the store takes it ---- */

struct upload {
    struct api_call *c;
    struct sha256_stream hash;
    struct sha256 sha256;
    int64_t lease;
    int fd; /* -1 = the body is small and in memory */
    int error;
    char *path;
    struct loop_work flush;
};

/* What is left after a failure would be swept at the next start only. */
static void discard(struct upload *u)
{
    if (u->fd >= 0) {
        close(u->fd);
        u->fd = -1;
    }
    if (u->path) {
        (void)unlink(u->path);
        u->path = NULL;
    }
}

static void fail_errno(struct api_call *c, int error)
{
    struct err e;
    enum rc rc = err_from_errno(&e, error, "write the artifact");

    api_problem(c, rc == RC_FULL ? RC_FULL : RC_FATAL, &e);
}

static bool media_type_is_good(struct api_call *c)
{
    struct str type = http_request_header(c->x, STR("Content-Type"));

    if (type.n > 0 && (type.n > MEDIA_TYPE_MAX || !wire_is_media_type(type))) {
        api_fail(c, RC_INVALID, "unsupported_media_type", NULL, "Content-Type must be like text/plain");
        return false;
    }
    return true;
}

static void on_left(struct api_holder *h, struct http_exchange *x)
{
    struct api_call *c = LOOP_OWNER(h, struct api_call, holder);

    discard(c->state);
    http_drop(x);
}

static void hash_piece(void *ctx, struct str piece)
{
    sha256_update(&((struct upload *)ctx)->hash, piece);
}

static bool open_temp(struct api_call *c, struct upload *u)
{
    const char *dir = store_files_dir(queue_store(c->api->queue));
    struct id name = id_random(store_now(queue_store(c->api->queue)));
    struct str path = arena_printf(c->a, "%s/%s.part", dir, id_text(name).s);

    u->fd = open(path.p, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (u->fd < 0) {
        fail_errno(c, errno);
        return false;
    }
    u->path = (char *)path.p;
    return true;
}

static bool read_lease(struct api_call *c, int64_t *lease)
{
    if (!api_query_int(c, "lease", 1, JOB_LEASE_NUMBER_MAX, lease)) {
        return false;
    }
    if (*lease == 0) {
        api_fail(c, RC_INVALID, "invalid_field", "?lease",
                 "lease is missing: the number that the claim gave");
        return false;
    }
    return true;
}

void api_put_artifact(struct api_call *c)
{
    struct upload *u = arena_alloc(c->a, sizeof *u);
    int64_t declared = http_body_declared_bytes(c->x);

    u->c = c;
    u->fd = -1;
    c->state = u;
    sha256_init(&u->hash);
    if (!str_is_name(c->params[1])) {
        api_fail(c, RC_INVALID, "invalid_field", "/name",
                 "an artifact's name has 1 to 128 of A-Z a-z 0-9 . _ : -");
        return;
    }
    if (!read_lease(c, &u->lease) || !media_type_is_good(c)) {
        return;
    }
    if (declared >= 0 && declared <= JOB_ARTIFACT_ROW_BYTES) {
        return; /* collected in memory */
    }
    if (open_temp(c, u)) {
        c->holder.on_left = on_left;
        http_body_to_file(c->x, u->fd, hash_piece, u);
    }
}

static void on_staged(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct upload *u = c->state;
    struct store_stage_artifact *stage = LOOP_OWNER(op, struct store_stage_artifact, op);

    if (op->rc) {
        discard(u);
        api_problem(c, op->rc, &op->e);
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    write_members(&w, &stage->artifact);
    json_object_end(&w);
    api_answer(c, 201);
}

static void stage_for(struct upload *u, int64_t tenant)
{
    struct api_call *c = u->c;
    struct store_stage_artifact *op = api_op(c, sizeof *op, STORE_STAGE_ARTIFACT, on_staged);
    struct str type = http_request_header(c->x, STR("Content-Type"));

    op->tenant = tenant;
    op->only_queues = c->key.queues;
    op->job = c->job;
    op->lease = u->lease;
    op->artifact.job = c->job;
    op->artifact.name = c->params[1];
    op->artifact.media_type = type.n > 0 ? type : STR("application/octet-stream");
    op->artifact.size = http_body_received_bytes(c->x);
    memcpy(op->artifact.sha256, u->sha256.b, sizeof op->artifact.sha256);
    if (u->path) {
        op->artifact.path = str_from(u->path);
    } else {
        op->artifact.bytes = http_body(c->x);
    }
    api_submit(c, &op->op);
}

static void on_lease_found(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct upload *u = c->state;
    int64_t tenant = op->rc ? 0 : LOOP_OWNER(op, struct store_find_leases, op)->places[0].tenant;
    struct err e = op->e;

    if (tenant) {
        stage_for(u, tenant);
        return;
    }
    discard(u);
    api_problem(c, op->rc ? op->rc : api_lease_lost(&e), &e);
}

static void stage(struct upload *u)
{
    struct api_call *c = u->c;

    if (api_is_of_all(c)) {
        struct lease_name *name = arena_alloc(c->a, sizeof *name);
        *name = (struct lease_name){c->job, u->lease};
        api_find_leases(c, name, 1, on_lease_found);
    } else {
        stage_for(u, c->tenant);
    }
}

/* In a worker thread. */
static void flush(struct loop_work *w)
{
    struct upload *u = LOOP_OWNER(w, struct upload, flush);

    if (fsync(u->fd)) {
        u->error = errno;
    }
    if (FAULT("api.artifact.fsync")) {
        u->error = EIO;
    }
    if (close(u->fd) && !u->error) {
        u->error = errno;
    }
    u->fd = -1;
}

static void on_flushed(struct loop_work *w)
{
    struct upload *u = LOOP_OWNER(w, struct upload, flush);

    if (u->error) {
        discard(u);
        fail_errno(u->c, u->error);
        return;
    }
    stage(u);
}

void api_put_artifact_received(struct api_call *c)
{
    struct upload *u = c->state;

    if (u->fd < 0) {
        u->sha256 = crypto_sha256(http_body(c->x));
        stage(u);
        return;
    }
    int error = http_body_file_error(c->x);
    c->holder.on_left = NULL; /* from here on it ends by itself */
    if (error) {
        discard(u);
        fail_errno(c, error);
        return;
    }
    u->sha256 = sha256_final(&u->hash);
    u->flush.work = flush;
    u->flush.done = on_flushed;
    loop_work_start(c->api->loop, &u->flush);
}

/* ---- GET ---- */

/* The bytes come from a worker: no browser may take them for a page of ours. */
static void answer_bytes(struct api_call *c, const struct artifact *f)
{
    char hex[2 * sizeof f->sha256 + 1];
    struct http_file file = {.fd = -1, .data = f->bytes, .bytes = f->size, .content_type = f->media_type};

    if (f->path.n > 0) {
        file.fd = open(arena_c_str(c->a, f->path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (file.fd < 0) { /* its time was over between the read and now */
            api_problem(c, RC_NOT_FOUND, NULL);
            return;
        }
    }
    hex_encode(f->sha256, sizeof f->sha256, hex);
    file.etag = arena_printf(c->a, "\"%s\"", hex);
    http_header(c->x, STR("Content-Disposition"),
                arena_printf(c->a, "attachment; filename=\"%.*s\"", STR_ARG(f->name)));
    http_header(c->x, STR("X-Content-Type-Options"), STR("nosniff"));
    http_header(c->x, STR("Content-Security-Policy"), STR("sandbox; default-src 'none'"));
    http_header(c->x, STR("Cache-Control"), STR("private, no-cache"));
    http_respond_file(c->x, &file);
}

static void on_artifact(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (!api_failed(c, op)) {
        answer_bytes(c, &LOOP_OWNER(op, struct store_get_artifact, op)->artifact);
    }
}

void api_get_artifact(struct api_call *c)
{
    struct store_get_artifact *op = api_op(c, sizeof *op, STORE_GET_ARTIFACT, on_artifact);

    if (!api_param_is_text(c, 1)) {
        return;
    }
    op->tenant = c->tenant;
    op->job = c->job;
    op->name = c->params[1];
    api_submit(c, &op->op);
}

static void on_artifacts(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_artifacts *list = LOOP_OWNER(op, struct store_list_artifacts, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "artifacts");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        json_object_begin(&w);
        write_members(&w, &list->artifacts[i]);
        json_put_time(&w, "created_at", list->artifacts[i].created_at);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer(c, 200);
}

void api_list_artifacts(struct api_call *c)
{
    struct store_list_artifacts *op = api_op(c, sizeof *op, STORE_LIST_ARTIFACTS, on_artifacts);

    op->tenant = c->tenant;
    op->job = c->job;
    api_submit(c, &op->op);
}

/* ---- series ---- */

static void write_entry(struct json_out *w, const struct series_entry *entry)
{
    json_object_begin(w);
    json_put_id(w, "job", entry->artifact.job);
    write_members(w, &entry->artifact);
    json_put_time(w, "published_at", entry->published_at);
    json_put_raw(w, "result", entry->result);
    json_object_end(w);
}

static void on_series(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_get_series *get = LOOP_OWNER(op, struct store_get_series, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_put_str(&w, "series", get->name);
    json_name(&w, "entries");
    json_array_begin(&w);
    for (size_t i = 0; i < get->count; i++) {
        write_entry(&w, &get->entries[i]);
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer(c, 200);
}

static void get_series(struct api_call *c, int64_t limit, void (*done)(struct store_op *op))
{
    struct store_get_series *op = api_op(c, sizeof *op, STORE_GET_SERIES, done);

    if (!api_param_is_text(c, 0)) {
        return;
    }
    if (c->params[0].n > JOB_KEY_MAX_BYTES) {
        api_problem(c, RC_NOT_FOUND, NULL);
        return;
    }
    op->tenant = c->tenant;
    op->name = c->params[0];
    op->limit = limit;
    api_submit(c, &op->op);
}

void api_get_series(struct api_call *c)
{
    int64_t limit = 10;

    if (api_query_int(c, "limit", 1, 1000, &limit)) {
        get_series(c, limit, on_series);
    }
}

/* The newest one, or the one of ?job=. */
static void on_series_content(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_get_series *get = LOOP_OWNER(op, struct store_get_series, op);
    const struct id *job = c->state;

    if (api_failed(c, op)) {
        return;
    }
    for (size_t i = 0; i < get->count; i++) {
        if (!job || id_eq(*job, get->entries[i].artifact.job)) {
            http_header(c->x, STR("Stint-Job"), str_from(id_text(get->entries[i].artifact.job).s));
            answer_bytes(c, &get->entries[i].artifact);
            return;
        }
    }
    api_problem(c, RC_NOT_FOUND, NULL);
}

void api_get_series_content(struct api_call *c)
{
    struct str text = STR_NONE;

    if (!api_query_name(c, "job", &text)) {
        return;
    }
    if (text.n > 0) {
        struct id *job = arena_alloc(c->a, sizeof *job);
        if (!id_parse(text, job)) {
            api_problem(c, RC_NOT_FOUND, NULL);
            return;
        }
        c->state = job;
    }
    get_series(c, c->state ? 1000 : 1, on_series_content);
}

static void on_series_list(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_series *list = LOOP_OWNER(op, struct store_list_series, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "series");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        json_object_begin(&w);
        json_put_str(&w, "series", list->names[i]);
        json_name(&w, "newest");
        write_entry(&w, &list->entries[i]);
        json_object_end(&w);
    }
    json_array_end(&w);
    bool is_full = (int64_t)list->count == list->limit;
    wire_put_text(&w, "next_after", is_full ? list->names[list->count - 1] : STR_NONE);
    json_object_end(&w);
    api_answer(c, 200);
}

void api_list_series(struct api_call *c)
{
    struct store_list_series *op = api_op(c, sizeof *op, STORE_LIST_SERIES, on_series_list);

    op->tenant = c->tenant;
    op->limit = 50;
    if (api_query_name(c, "prefix", &op->prefix) && api_query_name(c, "after", &op->after) &&
        api_query_int(c, "limit", 1, 1000, &op->limit)) {
        api_submit(c, &op->op);
    }
}
