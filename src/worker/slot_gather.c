/* slot_gather.c: many answers for a handler that waits for them: the children of its job with their results, page by page, or an artifact of
 * each of them: likewise, and those that are too big for a page by themselves, so many requests at once. What the handler finds does not
 * depend on which was faster. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "wire/wire.h"
#include "worker/supervisor.h"

#define TRIES_MAX 5

struct gather_item { /* a job whose artifact is wanted */
    struct slot_gather *g;
    struct str id;
    struct http_call *call;
    struct str text;
    int tries;
    bool is_known, is_there;
};

struct slot_gather {
    struct slot *s;
    struct arena *a;
    struct gather_item *items;
    size_t count, room, next, done, running;
    struct http_call *list;  /* the page that is on its way */
    int list_tries, fd;      /* fd: what the handler gets */
    struct str cursor, name; /* name: of the artifacts; "" = jobs are wanted */
};

static void start_more(struct slot_gather *g);

static void end(struct slot_gather *g, const char *error)
{
    struct slot *s = g->s;
    char text[200];
    str_print(text, sizeof text, "%s", error ? error : "");
    slot_gather_cancel(s);
    s->fetch_result = STR_NONE;
    slot_fetch_answer(s, !error, error ? text : NULL);
}

/* Local files in the page cache: no longer than copying the bytes. */
static bool write_all(int fd, struct str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n <= 0) {
            return false;
        }
        text = str_sub(text, (size_t)n, text.n);
    }
    return true;
}

/* ---- big artifacts: one request for each */

static bool write_items(const struct slot_gather *g)
{
    bool is_good = true;
    for (size_t i = 0; i < g->count && is_good; i++) {
        const struct gather_item *item = &g->items[i];
        if (item->is_there) {
            is_good = write_all(g->fd, arena_printf(g->a, "%.*s %zu\n", STR_ARG(item->id), item->text.n)) &&
                      write_all(g->fd, item->text);
        }
    }
    return is_good;
}

static void on_item(void *ctx, struct http_call *call, const struct http_answer *got)
{
    struct gather_item *item = ctx;
    struct slot_gather *g = item->g;
    size_t place = (size_t)(item - g->items);
    (void)call;
    item->is_known = !got->rc && (got->status == 200 || got->status == 404);
    item->call = NULL;
    g->running--;
    if (!item->is_known && item->tries >= TRIES_MAX) {
        end(g, got->rc ? got->err->text : "the server refuses an artifact");
        return;
    }
    if (item->is_known) {
        item->is_there = got->status == 200; /* else it is gone meanwhile, or there was none */
        item->text = item->is_there ? arena_str(g->a, got->body) : STR_NONE;
        g->done++;
    } else if (place < g->next) {
        g->next = place;
    }
    start_more(g);
}

static void start_item(struct slot_gather *g, struct gather_item *item)
{
    struct http_field fields[2];
    const struct http_call_options o = {
        .method = HTTP_GET,
        .path = arena_printf(g->a, "/v1/jobs/%.*s/artifacts/%.*s", STR_ARG(item->id), STR_ARG(g->name)),
        .fields = fields,
        .field_count = slot_fields(g->s, fields),
        .timeout_ms = 30000,
        .ctx = item,
        .on_done = on_item,
    };
    item->tries++;
    g->running++;
    item->call = http_call_start(g->s->sup->http, &o);
}

static void start_more(struct slot_gather *g)
{
    if (g->done == g->count) {
        end(g, write_items(g) ? NULL : "the scratch folder is full");
        return;
    }
    for (; g->next < g->count && g->running < SLOT_FETCHES; g->next++) {
        struct gather_item *item = &g->items[g->next];
        if (!item->call && !item->is_known) {
            start_item(g, item);
        }
    }
}

static void add_item(struct slot_gather *g, struct str id)
{
    if (g->count == g->room) {
        size_t wider = g->room ? 2 * g->room : 256;
        struct gather_item *items = arena_array(g->a, struct gather_item, wider);
        memcpy(items, g->items ? g->items : items, g->count * sizeof *items);
        g->items = items;
        g->room = wider;
    }
    g->items[g->count++] = (struct gather_item){.g = g, .id = arena_str(g->a, id)};
}

static struct slot_gather *begin(struct slot *s, struct str path)
{
    struct slot_gather *g = mem_alloc(sizeof *g);
    *g = (struct slot_gather){.s = s, .a = arena_new(), .name = STR("")};
    g->fd = open(arena_c_str(g->a, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    s->gather = g;
    return g;
}

/* ---- jobs or artifacts, page by page */

static void list_page(struct slot_gather *g);

/* A line for each that is final; JSON knows no line break but between its values. */
static bool write_jobs(const struct slot_gather *g, const struct json *jobs)
{
    struct buf lines = BUF_LIMIT(SIZE_MAX / 2);
    for (const struct json *j = jobs ? jobs->first : NULL; j; j = j->next) {
        enum job_state state = JOB_BLOCKED;
        const struct json *name = json_get(j, STR("state"));
        if (name && job_state_parse(name->s, &state) && job_state_is_final(state)) {
            size_t from = lines.n;
            buf_append_str(&lines, j->raw);
            for (size_t i = from; (i = str_find_char(buf_str(&lines), '\n', i)) < lines.n;) {
                lines.p[i] = ' ';
            }
            buf_append_char(&lines, '\n');
        }
    }
    bool is_good = write_all(g->fd, buf_str(&lines));
    buf_dispose(&lines);
    return is_good;
}

/* "JOB BYTES" and so many bytes, or "JOB BYTES alone", one after the other. */
static bool write_artifacts(struct slot_gather *g, struct str page)
{
    size_t kept = 0;
    for (size_t at = 0; at < page.n;) {
        struct str words = STR_NONE;
        struct str how = STR_NONE;
        int64_t bytes = 0;
        size_t end_of_line = str_find_char(page, '\n', at);
        struct str id = str_cut(str_sub(page, at, end_of_line), ' ', &words);
        bool is_line = words.p && str_to_i64(str_cut(words, ' ', &how), &bytes) && bytes >= 0;
        if (!is_line || (!how.p && (size_t)bytes > page.n - end_of_line)) {
            return false;
        }
        if (how.p) {
            add_item(g, id);
            if (!write_all(g->fd, str_sub(page, kept, at))) {
                return false;
            }
            kept = end_of_line + 1;
        }
        at = end_of_line + 1 + (how.p ? 0 : (size_t)bytes);
    }
    return write_all(g->fd, str_sub(page, kept, page.n));
}

/* False: it is no answer to what was asked. */
static bool take_page(struct slot_gather *g, const struct http_answer *got, bool *is_written)
{
    struct arena *a = arena_new();
    struct json *root = NULL;
    struct str next = http_answer_header(got, STR("Stint-Next-Cursor"));
    bool is_good = !got->rc && got->status == 200;
    if (is_good && g->name.n) {
        *is_written = write_artifacts(g, got->body);
    } else if (is_good && json_parse_envelope(got->body, a, &root, NULL) == RC_OK) {
        const struct json *cursor = json_get(root, STR("next_cursor"));
        next = cursor && cursor->type == JSON_STRING ? cursor->s : STR_NONE;
        *is_written = write_jobs(g, json_get(root, STR("jobs")));
    } else {
        is_good = false;
    }
    g->cursor = is_good && next.n ? arena_str(g->a, next) : STR_NONE;
    arena_free(a);
    return is_good;
}

static void on_page(void *ctx, struct http_call *call, const struct http_answer *got)
{
    struct slot_gather *g = ctx;
    struct str cursor = g->cursor;
    bool is_written = false;
    (void)call;
    g->list = NULL;
    if (!take_page(g, got, &is_written)) {
        g->cursor = cursor; /* the same page again */
        if (g->list_tries++ < TRIES_MAX) {
            list_page(g);
        } else {
            end(g, got->rc ? got->err->text : "the server does not tell the children");
        }
    } else if (!is_written) {
        end(g, "the scratch folder is full");
    } else if (g->cursor.n) {
        list_page(g);
    } else {
        start_more(g);
    }
}

static void list_page(struct slot_gather *g)
{
    struct str more = g->cursor.n ? arena_printf(g->a, "&cursor=%.*s", STR_ARG(g->cursor)) : STR("");
    struct str what =
        g->name.n ? arena_printf(g->a, "/artifacts/%.*s?", STR_ARG(g->name)) : STR("?full=true&");
    struct http_field fields[2];
    const struct http_call_options o = {
        .method = HTTP_GET,
        .path = arena_printf(g->a, "/v1/jobs/%s/children%.*slimit=1000%.*s", id_text(g->s->job).s,
                             STR_ARG(what), STR_ARG(more)),
        .fields = fields,
        .field_count = slot_fields(g->s, fields),
        .timeout_ms = 60000,
        .ctx = g,
        .on_done = on_page,
    };
    g->list = http_call_start(g->s->sup->http, &o);
}

void slot_gather_children(struct slot *s, struct str path)
{
    if (!s->gather && !s->fetch) { /* else a handler that does not wait for its answer */
        list_page(begin(s, path));
    }
}

void slot_gather_artifacts(struct slot *s, struct str name, struct str path)
{
    if (!s->gather && !s->fetch) {
        struct slot_gather *g = begin(s, path);
        g->name = arena_str(g->a, name);
        list_page(g);
    }
}

void slot_gather_cancel(struct slot *s)
{
    struct slot_gather *g = s->gather;
    if (!g) {
        return;
    }
    s->gather = NULL;
    if (g->list) {
        http_call_cancel(g->list);
    }
    for (size_t i = 0; i < g->count; i++) {
        if (g->items[i].call) {
            http_call_cancel(g->items[i].call);
        }
    }
    if (g->fd >= 0) {
        close(g->fd);
    }
    arena_free(g->a);
    mem_free(g);
}
