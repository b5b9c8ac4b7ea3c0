/* crawl_records.c: what a crawl keeps for the next one of the same site and args: each page's text, and what its host said of the version. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "kinds/crawl_docs/crawl_turn.h"

#define WRITE_BYTES  ((size_t)256 << 10)
#define RECORDS_FILE "pages.jsonl"

static const char *in_scratch(const struct crawl *c, const char *name)
{
    return arena_c_str(c->a, arena_printf(c->a, "%s/%s", attempt_scratch(c->at), name));
}

static struct str series_of(const struct crawl *c)
{
    return arena_printf(c->a, "crawl-docs:%.*s:%.32s", STR_ARG(c->args.seed.url.host),
                        crawl_hash(c, c->args.raw).p);
}

static enum rc read_file(const struct crawl *c, const char *path, struct str *out, struct err *e)
{
    struct buf all = BUF_LIMIT(CRAWL_LINES_MAX_BYTES);
    enum rc rc = buf_read_file(&all, path, e);
    if (!rc) {
        *out = buf_give(&all, c->a);
    }
    buf_dispose(&all);
    return rc;
}

enum rc crawl_records_read(struct crawl *c, struct str *out, struct err *e)
{
    const char *path = in_scratch(c, "previous");
    if (c->turn ? !c->has_previous : !c->args.is_conditional) {
        return RC_OK;
    }
    enum rc rc = attempt_series(c->at, series_of(c), path, NULL, e);
    if (rc == RC_NOT_FOUND) {
        return RC_OK;
    }
    c->has_previous = !rc;
    return rc ? rc : read_file(c, path, out, e);
}

static void put_record(const struct crawl *c, const struct crawl_node *n, struct buf *out)
{
    struct json_out w = json_writer(out);
    struct str text = crawl_text(c, n);
    json_object_begin(&w);
    json_put_str(&w, "url", n->identity);
    json_put_raw(&w, "result", n->result->raw);
    json_put_str(&w, "text", text.p ? text : STR(""));
    json_object_end(&w);
    buf_append_char(out, '\n');
}

enum rc crawl_records_open(struct crawl *c, struct err *e)
{
    struct crawl_records *r = &c->records;
    *r = (struct crawl_records){.path = in_scratch(c, RECORDS_FILE),
                                .lines = BUF_LIMIT(CRAWL_LINES_MAX_BYTES)};
    r->fd = open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    r->is_open = r->fd >= 0;
    return r->is_open ? RC_OK : err_from_errno(e, errno, r->path);
}

static enum rc write_lines(struct crawl_records *r, struct err *e)
{
    enum rc rc = buf_check(&r->lines, r->path, e);
    rc = rc ? rc : buf_write_fd(r->fd, buf_str(&r->lines), r->path, e);
    r->bytes += r->lines.n;
    buf_clear(&r->lines);
    return rc;
}

enum rc crawl_records_write(struct crawl *c, bool have_all_come, struct err *e)
{
    struct crawl_records *r = &c->records;
    enum rc rc = RC_OK;
    for (; r->next < c->graph.count && !rc; r->next++) {
        const struct crawl_node *n = &c->graph.nodes[r->next];
        bool is_page = n->state == CRAWL_DONE;
        if (is_page && !n->is_unchanged && !c->texts[r->next].p && !have_all_come) {
            break;
        }
        if (is_page) {
            put_record(c, n, &r->lines);
        }
        rc = r->lines.overflowed || r->lines.n >= WRITE_BYTES ? write_lines(r, e) : RC_OK;
    }
    return rc || !have_all_come ? rc : write_lines(r, e);
}

enum rc crawl_records_close(struct crawl *c, enum rc rc, struct err *e)
{
    struct crawl_records *r = &c->records;
    buf_dispose(&r->lines);
    if (!r->is_open) {
        return rc;
    }
    if (close(r->fd) && !rc) {
        rc = err_from_errno(e, errno, r->path);
    }
    if (!rc && r->bytes <= CRAWL_DOCUMENT_MAX_BYTES) {
        attempt_artifact(c->at, RECORDS_FILE, "application/x-ndjson", r->path, series_of(c), 1);
    }
    return rc;
}
