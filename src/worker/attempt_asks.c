/* attempt_asks.c: the child's side of handler.h, where it waits: for a cancel, for what it asked the supervisor for, for its parse processes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/attempt.h"
#include "worker/messages.h"

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
    attempt_send_held(at);
    while (!take_message(at, &m)) {
        read_more(at, NO_LIMIT);
    }
    return json_get(m, name);
}

enum rc attempt_take(struct attempt *at, const struct limit_use *uses, size_t count, int64_t *wait_ms,
                     struct err *e)
{
    attempt_send_tokens(at, "take", uses, count);
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
    attempt_message_begin(&w, what);
    json_put_str(&w, name, value);
    json_put_c(&w, "path", to_path);
    attempt_message_end(at, &w);
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
