/* attempt.c: the child's side of handler.h: every call becomes a message to the supervisor. */
#include "worker/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/messages.h"

struct str attempt_job(const struct attempt *at)
{
    return at->job_id;
}

struct str attempt_batch_id(const struct attempt *at)
{
    return at->batch_id;
}

struct str attempt_args(const struct attempt *at)
{
    return at->args;
}

struct str attempt_checkpoint(const struct attempt *at)
{
    return at->checkpoint;
}

int64_t attempt_number(const struct attempt *at)
{
    return at->number;
}

const char *attempt_scratch(struct attempt *at)
{
    if (at->handler->is_folderless) {
        (void)!mkdir(at->scratch, 0700); /* if it cannot be, neither can what is to be written there */
    }
    return at->scratch;
}

struct arena *attempt_arena(struct attempt *at)
{
    return at->a;
}

static struct str limit_name(const struct json *item)
{
    const struct json *name = item->type == JSON_OBJECT ? json_get(item, STR("key")) : item;
    return name ? name->s : STR("");
}

int64_t attempt_limit_weight(const struct attempt *at, struct str key)
{
    for (const struct json *i = at->limits ? at->limits->first : NULL; i; i = i->next) {
        const struct json *weight = i->type == JSON_OBJECT ? json_get(i, STR("weight")) : NULL;
        if (str_eq(limit_name(i), key)) {
            return weight && weight->i > 0 ? weight->i : 1;
        }
    }
    return 0;
}

struct str attempt_limit_key(const struct attempt *at, struct str prefix)
{
    for (const struct json *i = at->limits ? at->limits->first : NULL; i; i = i->next) {
        if (str_starts(limit_name(i), prefix)) {
            return limit_name(i);
        }
    }
    return STR("");
}

struct str attempt_option(const struct attempt *at, const char *name)
{
    const struct json *v = json_get(at->options, str_from(name));
    return v ? v->s : STR("");
}

bool attempt_secret(const struct attempt *at, struct str name, struct str *out)
{
    char variable[160];
    (void)at;
    if (!str_is_name(name) ||
        str_print(variable, sizeof(variable), "STINT_SECRET_%.*s", STR_ARG(name)) == 0) {
        return false;
    }
    const char *v = getenv(variable);
    if (!v) {
        return false;
    }
    *out = str_from(v);
    return true;
}

/* ---- messages out ---- */

#define HELD_BYTES ((size_t)1 << 20) /* more does not wait */

static void send_now(struct str lines)
{
    if (message_send(MESSAGE_FD, lines, NULL)) {
        _exit(1); /* nobody is there to tell; the lease brings the work back */
    }
}

static void send_held(struct attempt *at)
{
    at->is_holding = false;
    send_now(buf_str(&at->held));
    buf_dispose(&at->held);
}

/* Nothing behind the end: the supervisor would take it for news of the next job. What fits into no message is the end of its job. */
static void send_buf(struct attempt *at, struct buf *b)
{
    message_end_line(b);
    bool is_told = !b->overflowed && !at->is_end_told;
    if (b->overflowed && !at->is_end_told) {
        at->has_ended = false;
        attempt_fail(at, ERROR_PERMANENT, "result_too_big", "what the job tells at once is over %d bytes",
                     MESSAGE_MAX_BYTES);
    } else if (is_told && at->is_holding) {
        buf_append_str(&at->held, buf_str(b));
        if (at->has_ended || at->held.n > HELD_BYTES) {
            send_held(at);
        }
    } else if (is_told) {
        send_now(buf_str(b));
    }
    at->is_end_told = at->has_ended;
    buf_dispose(b);
}

void attempt_hold(struct attempt *at)
{
    at->held = BUF_LIMIT(HELD_BYTES + MESSAGE_MAX_BYTES);
    at->is_holding = true;
}

/* {"name":{ … }} */
static void message_begin(struct json_out *w, const char *name)
{
    json_object_begin(w);
    json_name(w, name);
    json_object_begin(w);
}

static void message_end(struct attempt *at, struct json_out *w)
{
    json_object_end(w);
    json_object_end(w);
    send_buf(at, w->out);
}

void attempt_progress(struct attempt *at, int64_t permille, const char *format, ...)
{
    char text[256];
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    message_begin(&w, "progress");
    json_put_int(&w, "permille", permille < 0 ? 0 : (permille > 1000 ? 1000 : permille));
    json_put_c(&w, "message", text);
    message_end(at, &w);
}

static void send_event(struct attempt *at, const char *type, struct str json, bool at_root)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    message_begin(&w, "event");
    json_put_c(&w, "type", type);
    json_put_raw(&w, "data", json);
    json_put_bool(&w, "root", at_root);
    message_end(at, &w);
}

void attempt_event(struct attempt *at, const char *type, struct str json)
{
    send_event(at, type, json, false);
}

void attempt_root_event(struct attempt *at, const char *type, struct str json)
{
    send_event(at, type, json, true);
}

static void send_raw(struct attempt *at, const char *name, struct str json)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_raw(&w, name, json);
    json_object_end(&w);
    send_buf(at, &b);
}

void attempt_child(struct attempt *at, struct str spec_json)
{
    send_raw(at, "child", spec_json);
}

void attempt_park(struct attempt *at, struct str checkpoint_json)
{
    if (!at->has_ended) {
        at->has_ended = true;
        send_raw(at, "wait", checkpoint_json);
    }
}

static bool write_file(const char *path, struct str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_good = fd >= 0;
    while (is_good && text.n) {
        ssize_t n = write(fd, text.p, text.n);
        is_good = n > 0;
        text = str_sub(text, is_good ? (size_t)n : 0, text.n);
    }
    return fd >= 0 && close(fd) == 0 && is_good;
}

void attempt_text(struct attempt *at, const char *name, const char *media_type, struct str text)
{
    if (text.n > MESSAGE_TEXT_MAX_BYTES) {
        const char *path = arena_c_str(at->a, arena_printf(at->a, "%s/%s", attempt_scratch(at), name));
        if (!write_file(path, text)) {
            attempt_fail(at, ERROR_TRANSIENT, "disk_full", "the scratch folder takes no file");
            return;
        }
        attempt_artifact(at, name, media_type, path, STR(""), 1);
        return;
    }
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    message_begin(&w, "text");
    json_put_c(&w, "name", name);
    json_put_c(&w, "media_type", media_type);
    json_put_str(&w, "text", text);
    message_end(at, &w);
}

void attempt_checkpoint_save(struct attempt *at, struct str json)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_raw(&w, "checkpoint", json);
    json_object_end(&w);
    send_buf(at, &b);
}

void attempt_artifact(struct attempt *at, const char *name, const char *media_type, const char *path,
                      struct str series, int64_t keep)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    message_begin(&w, "artifact");
    json_put_c(&w, "name", name);
    json_put_c(&w, "media_type", media_type);
    json_put_c(&w, "path", path);
    json_put_str(&w, "series", series);
    json_put_int(&w, "keep", keep);
    message_end(at, &w);
}

/* {"name":{key: n, …}} */
static void send_tokens(struct attempt *at, const char *name, const struct limit_use *uses, size_t count)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    message_begin(&w, name);
    for (size_t i = 0; i < count; i++) {
        json_put_int(&w, arena_c_str(at->a, uses[i].key), uses[i].weight);
    }
    message_end(at, &w);
}

void attempt_correct(struct attempt *at, struct str key, int64_t n)
{
    const struct limit_use use = {key, n};
    if (n && !at->has_ended) {
        send_tokens(at, "correct", &use, 1);
    }
}

void attempt_complete(struct attempt *at, struct str result_json)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    if (at->has_ended) {
        return;
    }
    at->has_ended = true;
    json_object_begin(&w);
    json_put_raw(&w, "complete", result_json);
    json_object_end(&w);
    send_buf(at, &b);
}

struct failure {
    enum error_class class;
    const char *code, *message;
    int64_t retry_after_ms; /* -1 = none */
    struct str pause_key;   /* of class rate_limited; "" = none */
};

#define FAIL_TEXT_BYTES 2048

static void send_fail(struct attempt *at, const struct failure *f)
{
    struct str message = str_from(f->message);
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    if (at->has_ended) {
        return;
    }
    at->has_ended = true;
    message_begin(&w, "fail");
    json_put_c(&w, "class", error_class_name(f->class));
    json_put_c(&w, "code", f->code);
    json_put_str(&w, "message", str_sub(message, 0, FAIL_TEXT_BYTES));
    json_put_int(&w, "retry_after_ms", f->retry_after_ms);
    json_put_str(&w, "pause_key", f->pause_key);
    message_end(at, &w);
}

void attempt_fail(struct attempt *at, enum error_class class, const char *code, const char *format, ...)
{
    char text[FAIL_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const struct failure f = {class, code, text, -1, STR("")};
    send_fail(at, &f);
}

void attempt_fail_after(struct attempt *at, int64_t retry_after_ms, const char *code, const char *message)
{
    attempt_fail_pausing(at, STR(""), retry_after_ms, code, message);
}

void attempt_fail_pausing(struct attempt *at, struct str key, int64_t for_ms, const char *code,
                          const char *message)
{
    const struct failure f = {ERROR_RATE_LIMITED, code, message, for_ms, key};
    send_fail(at, &f);
}

/* ---- messages in ---- */

#define NO_LIMIT (-1)

/* Reads what is there; waits so long for it. The supervisor's end is ours too. */
static void read_more(struct attempt *at, int wait_ms)
{
    struct pollfd p = {.fd = MESSAGE_FD, .events = POLLIN};
    while (poll(&p, 1, wait_ms) < 0 && errno == EINTR) {
    }
    if (!p.revents) {
        return;
    }
    char *room = buf_reserve(at->in, 4096);
    ssize_t n = room ? read(MESSAGE_FD, room, 4096) : 0;
    if (n <= 0) {
        _exit(1);
    }
    at->in->n += (size_t)n;
}

/* Takes one message; cancels are noted, another kind is given out. */
static bool take_message(struct attempt *at, struct json **out)
{
    struct str line;
    size_t used;
    while (message_next(at->in, &line, &used)) {
        struct json *m = NULL;
        struct str kept = arena_str(at->a, line);
        buf_drop_front(at->in, used);
        if (json_parse_envelope(kept, at->a, &m, NULL)) {
            continue;
        }
        if (json_get(m, STR("cancel"))) {
            at->is_cancelled = true;
            continue;
        }
        *out = m;
        return true;
    }
    return false;
}

bool attempt_is_cancelling(const struct attempt *at)
{
    return at->is_cancelling;
}

bool attempt_is_cancelled(struct attempt *at)
{
    struct json *m = NULL;
    read_more(at, 0);
    (void)take_message(at, &m);
    return at->is_cancelled;
}

bool attempt_wait(struct attempt *at, int64_t ms)
{
    int64_t until_us = clock_mono_us() + ms * 1000;
    struct json *m = NULL;
    for (int64_t left_us = ms * 1000; left_us > 0 && !at->is_cancelled;
         left_us = until_us - clock_mono_us()) {
        read_more(at, (int)(left_us / 1000) + 1);
        (void)take_message(at, &m);
    }
    return !at->is_cancelled;
}

/* The next message that is an answer. */
static const struct json *wait_for_answer(struct attempt *at, struct str name)
{
    struct json *m = NULL;
    send_held(at);
    while (!take_message(at, &m)) {
        read_more(at, NO_LIMIT);
    }
    return json_get(m, name);
}

enum rc attempt_take(struct attempt *at, const struct limit_use *uses, size_t count, int64_t *wait_ms,
                     struct err *e)
{
    send_tokens(at, "take", uses, count);
    const struct json *answer = wait_for_answer(at, STR("taken"));
    const struct json *wait = json_get(answer, STR("wait_ms"));
    const struct json *error = json_get(answer, STR("error"));
    if (!wait || error) {
        return err_set(e, RC_BUSY, "tokens: %.*s", STR_ARG(error ? error->s : STR("no answer")));
    }
    *wait_ms = wait->i;
    return RC_OK;
}

static enum rc wait_for_file(struct attempt *at, const struct json **answer)
{
    *answer = wait_for_answer(at, STR("fetched"));
    const struct json *found = json_get(*answer, STR("found"));
    return found && found->i ? RC_OK : json_get(*answer, STR("error")) ? RC_BUSY : RC_NOT_FOUND;
}

/* Asks the supervisor for a file, and waits for it. */
static enum rc fetch_file(struct attempt *at, const char *what, const char *name, struct str value,
                          const char *to_path, const struct json **answer)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    message_begin(&w, what);
    json_put_str(&w, name, value);
    json_put_c(&w, "path", to_path);
    message_end(at, &w);
    return wait_for_file(at, answer);
}

static struct str error_of(const struct json *answer, struct str otherwise)
{
    const struct json *text = json_get(answer, STR("error"));
    return text ? text->s : otherwise;
}

enum rc attempt_series(struct attempt *at, struct str series, const char *to_path, struct str *result,
                       struct err *e)
{
    const struct json *answer = NULL;
    enum rc rc = fetch_file(at, "series", "name", series, to_path, &answer);
    if (rc) {
        return err_set(e, rc, "series %.*s: %.*s", STR_ARG(series),
                       STR_ARG(error_of(answer, STR("nothing published yet"))));
    }
    const struct json *r = json_get(answer, STR("result"));
    if (result) {
        *result = r ? r->raw : STR("");
    }
    return RC_OK;
}

enum rc attempt_batch(struct attempt *at, struct str batch, const char *to_path, struct err *e)
{
    const struct json *answer = NULL;
    enum rc rc = fetch_file(at, "batch", "id", batch, to_path, &answer);
    return rc ? err_set(e, rc, "batch %.*s: %.*s", STR_ARG(batch),
                        STR_ARG(error_of(answer, STR("is not there"))))
              : RC_OK;
}

/* ---- files that are read while they grow */

#define GROWING_MAX_BYTES ((size_t)1 << 30) /* of a piece */

struct growing {
    struct attempt *at;
    const struct attempt_reader *reader;
    const char *path;
    int fd;
    size_t taken;
};

/* Gives what is new, up to there. */
static enum rc take_piece(struct growing *g, int64_t end, struct err *e)
{
    struct buf piece = BUF_LIMIT(GROWING_MAX_BYTES);
    size_t left = end > (int64_t)g->taken ? (size_t)end - g->taken : 0;
    if (g->fd < 0) {
        g->fd = open(g->path, O_RDONLY | O_CLOEXEC);
    }
    char *to = g->fd < 0 ? NULL : buf_reserve(&piece, left);
    enum rc rc = g->fd < 0 ? err_from_errno(e, errno, g->path) : buf_check(&piece, g->path, e);
    while (!rc && left) {
        ssize_t n = pread(g->fd, to + piece.n, left, (off_t)g->taken);
        if (n <= 0) {
            rc = err_from_errno(e, n ? errno : EIO, g->path);
            break;
        }
        piece.n += (size_t)n;
        g->taken += (size_t)n;
        left -= (size_t)n;
    }
    if (!rc && piece.n) {
        rc = g->reader->take(g->reader->ctx, buf_give(&piece, g->at->a), e);
    }
    buf_dispose(&piece);
    return rc;
}

/* As fetch_file, of what comes piece by piece. */
static enum rc fetch_growing(struct attempt *at, const char *what, const char *name, struct str value,
                             const struct attempt_reader *reader, struct err *e)
{
    const struct json *answer = NULL;
    const struct json *grown = NULL;
    struct stat st;
    struct growing g = {at, reader, arena_printf(at->a, "%s/%s", attempt_scratch(at), what).p, -1, 0};
    enum rc taken = RC_OK;
    enum rc rc = fetch_file(at, what, name, value, g.path, &answer);
    while ((grown = json_get(answer, STR("grown")))) {
        taken = taken ? taken : take_piece(&g, grown->i, e);
        rc = wait_for_file(at, &answer);
    }
    if (rc) {
        taken = err_set(e, RC_BUSY, "%s: %.*s", what, STR_ARG(error_of(answer, STR("are not there"))));
    } else if (!taken) {
        taken = stat(g.path, &st) ? err_from_errno(e, errno, g.path) : take_piece(&g, st.st_size, e);
    }
    if (g.fd >= 0) {
        close(g.fd);
    }
    return taken;
}

enum rc attempt_children(struct attempt *at, const struct attempt_reader *reader, struct err *e)
{
    return fetch_growing(at, "children", "of", at->job_id, reader, e);
}

enum rc attempt_child_artifacts(struct attempt *at, const char *name, const struct attempt_reader *reader,
                                struct err *e)
{
    return fetch_growing(at, "artifacts", "name", str_from(name), reader, e);
}

enum rc attempt_parse(struct attempt *at, int lane, struct str request, int64_t timeout_ms,
                      struct buf *answer, struct err *e)
{
    return parse_process_ask(&at->lanes[lane], at->handler->kind, request, timeout_ms, answer, e);
}
