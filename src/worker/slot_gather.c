/* slot_gather.c: many answers for a handler that waits for them: the children of its job with their results, page by page, or an artifact of
 * each of them: likewise, and those that are too big for a page by themselves, so many requests at once. A page is asked for as soon as the
 * head of the one before it tells where it begins, so that the server reads it while that one is on its way and written; and the handler is told of each that is. What
 * it finds does not depend on which was faster. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "worker/supervisor.h"

#define TRIES_MAX 5
#define PAGE_JOBS 128 /* of a page: a megabyte of usual texts */

struct gather_item { /* a job whose artifact is wanted */
    struct slot_gather *g;
    struct str id;
    struct http_call *call;
    struct str text;
    int tries;
    bool is_known, is_there;
};

struct gather_page {
    struct slot_gather *g;
    struct http_call *call; /* it is on its way */
    struct str cursor;      /* where it begins; "" = with the first job */
    struct str next;        /* where the one behind it begins; "" = it is the last */
    struct buf body;        /* it was here before the one in front of it */
    int tries;
    bool is_asked, has_head, is_here;
};

struct slot_gather {
    struct slot *s;
    struct arena *a;
    struct gather_item *items;
    size_t count, room, next, done, running;
    struct gather_page pages[2]; /* the one that is written next, and the one behind it */
    int front;                   /* which of them is the first */
    int fd;                      /* what the handler gets */
    size_t bytes;                /* of it */
    struct str name;             /* of the artifacts; "" = jobs are wanted */
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
static bool write_all(struct slot_gather *g, struct str text)
{
    bool is_good = buf_write_fd(g->fd, text, "scratch", NULL) == RC_OK;
    g->bytes += is_good ? text.n : 0;
    return is_good;
}

/* ---- big artifacts: one request for each */

static bool write_items(struct slot_gather *g)
{
    bool is_good = true;
    for (size_t i = 0; i < g->count && is_good; i++) {
        const struct gather_item *item = &g->items[i];
        if (item->is_there) {
            is_good = write_all(g, arena_printf(g->a, "%.*s %zu\n", STR_ARG(item->id), item->text.n)) &&
                      write_all(g, item->text);
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
    for (size_t i = 0; i < 2; i++) {
        g->pages[i] = (struct gather_page){.g = g, .body = BUF_LIMIT(SIZE_MAX / 2)};
    }
    s->gather = g;
    return g;
}

/* ---- jobs or artifacts, page by page */

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
            if (!write_all(g, str_sub(page, kept, at))) {
                return false;
            }
            kept = end_of_line + 1;
        }
        at = end_of_line + 1 + (how.p ? 0 : (size_t)bytes);
    }
    return write_all(g, str_sub(page, kept, page.n));
}

static void ask(struct gather_page *p, struct str cursor);

static void forget(struct gather_page *p)
{
    if (p->call) {
        http_call_cancel(p->call);
        p->call = NULL;
    }
    p->is_asked = p->has_head = p->is_here = false;
    p->tries = 0;
}

/* What is behind the first page, once this has said where that begins. */
static void ask_ahead(struct slot_gather *g)
{
    const struct gather_page *first = &g->pages[g->front];
    struct gather_page *behind = &g->pages[!g->front];
    if (first->has_head && first->next.n && !behind->is_asked) {
        ask(behind, first->next);
    }
}

static bool on_head(void *ctx, struct http_call *call, const struct http_answer *got)
{
    struct gather_page *p = ctx;
    (void)call;
    if (got->status == 200) {
        p->next = arena_str(p->g->a, http_answer_header(got, STR("Stint-Next-Cursor")));
        p->has_head = true;
        ask_ahead(p->g);
    }
    return true;
}

/* The first page is here: it is written, and the one behind it when it was faster. */
static void write_pages(struct slot_gather *g, struct str first)
{
    for (struct str body = first;; body = buf_str(&g->pages[g->front].body)) {
        struct gather_page *p = &g->pages[g->front];
        bool is_good = g->name.n ? write_artifacts(g, body) : write_all(g, body);
        bool is_last = !p->next.n;
        forget(p);
        if (!is_good) {
            end(g, "the scratch folder is full");
            return;
        }
        if (is_last) {
            start_more(g);
            return;
        }
        slot_fetch_grown(g->s, g->bytes);
        g->front = !g->front;
        ask_ahead(g);
        if (!g->pages[g->front].is_here) {
            return;
        }
    }
}

/* Again; and what is behind it begins where that answer says. */
static void ask_again(struct gather_page *p, const struct http_answer *got)
{
    struct slot_gather *g = p->g;
    p->has_head = false;
    if (p == &g->pages[g->front]) {
        forget(&g->pages[!g->front]);
    }
    if (p->tries < TRIES_MAX) {
        ask(p, p->cursor);
    } else {
        end(g, got->rc ? got->err->text : "the server does not tell the children");
    }
}

/* Of a server that knows no lines it is the page that other clients get. */
static bool is_page(const struct slot_gather *g, const struct http_answer *got)
{
    struct str type = http_answer_header(got, STR("Content-Type"));
    return !got->rc && got->status == 200 && (g->name.n || str_eq(type, STR("application/x-ndjson")));
}

static void on_page(void *ctx, struct http_call *call, const struct http_answer *got)
{
    struct gather_page *p = ctx;
    (void)call;
    p->call = NULL;
    if (!is_page(p->g, got)) {
        ask_again(p, got);
    } else if (p == &p->g->pages[p->g->front]) {
        write_pages(p->g, got->body);
    } else {
        p->is_here = true;
        buf_clear(&p->body);
        buf_append_str(&p->body, got->body);
    }
}

static void ask(struct gather_page *p, struct str cursor)
{
    struct slot_gather *g = p->g;
    struct str more = cursor.n ? arena_printf(g->a, "&cursor=%.*s", STR_ARG(cursor)) : STR("");
    struct str what =
        g->name.n ? arena_printf(g->a, "/artifacts/%.*s?", STR_ARG(g->name)) : STR("?full=true&");
    struct http_field fields[3];
    size_t field_count = slot_fields(g->s, fields);
    fields[field_count++] = (struct http_field){STR("Accept"), STR("application/x-ndjson")};
    const struct http_call_options o = {
        .method = HTTP_GET,
        .path = arena_printf(g->a, "/v1/jobs/%s/children%.*slimit=%d%.*s", id_text(g->s->job).s,
                             STR_ARG(what), PAGE_JOBS, STR_ARG(more)),
        .fields = fields,
        .field_count = field_count,
        .timeout_ms = 60000,
        .ctx = p,
        .on_head = on_head,
        .on_done = on_page,
    };
    p->is_asked = true;
    p->cursor = cursor;
    p->tries++;
    p->call = http_call_start(g->s->sup->http, &o);
}

void slot_gather_children(struct slot *s, struct str path)
{
    if (!s->gather && !s->fetch) { /* else a handler that does not wait for its answer */
        ask(&begin(s, path)->pages[0], STR(""));
    }
}

void slot_gather_artifacts(struct slot *s, struct str name, struct str path)
{
    if (!s->gather && !s->fetch) {
        struct slot_gather *g = begin(s, path);
        g->name = arena_str(g->a, name);
        ask(&g->pages[0], STR(""));
    }
}

void slot_gather_cancel(struct slot *s)
{
    struct slot_gather *g = s->gather;
    if (!g) {
        return;
    }
    s->gather = NULL;
    for (size_t i = 0; i < 2; i++) {
        forget(&g->pages[i]);
        buf_dispose(&g->pages[i].body);
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
