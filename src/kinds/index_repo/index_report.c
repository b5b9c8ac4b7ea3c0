/* index_report.c: what an index-repo job tells: progress, events, and its result. */
#include "kinds/index_repo/index_run.h"

#include "kinds/index_repo/extract.h"

#define MAX_EVENT_BYTES  (64 << 10)
#define MAX_RESULT_BYTES (512 << 10)

void index_tell_progress(struct index_run *r, int permille, const char *what)
{
    if (permille > r->permille) {
        r->permille = permille;
        attempt_progress(r->at, permille, "%s", what);
    }
}

/* ---- events: `tell` writes the members */

static void send_event(struct index_run *r, const char *type,
                       void (*tell)(struct json_out *w, const void *arg), const void *arg)
{
    struct buf text = BUF_LIMIT(MAX_EVENT_BYTES);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    tell(&w, arg);
    json_object_end(&w);
    if (!text.overflowed) {
        attempt_event(r->at, type, buf_str(&text));
    }
    buf_dispose(&text);
}

static void put_source(struct json_out *w, const void *arg)
{
    const struct index_run *r = arg;
    json_put_str(w, "repo", r->repo_name);
    json_put_str(w, "ref", r->args.ref);
    if (r->head.commit.n > 0) {
        json_put_str(w, "commit", r->head.commit);
        json_put_bool(w, "dirty", r->is_dirty);
    }
}

void index_tell_started(struct index_run *r)
{
    send_event(r, "index_started", put_source, r);
}

void index_tell_ref(struct index_run *r)
{
    send_event(r, "ref_resolved", put_source, r);
    index_tell_progress(r, 50, "resolved");
}

static void put_reasons(struct json_out *w, const struct index_run *r)
{
    static const char *const reasons[] = {"ignored_dir", "excluded",  "generated", "vendored",
                                          "unsupported", "too_large", "symlink",   "submodule",
                                          "lfs_pointer", "binary",    "minified"};
    json_name(w, "skipped");
    json_object_begin(w);
    for (size_t k = 0; k < sizeof reasons / sizeof reasons[0]; k++) {
        int64_t n = 0;
        for (size_t i = 0; i < r->paths.count; i++) {
            const struct index_file *f = &r->files[i];
            n += f->status == CODE_SKIPPED && str_eq(f->reason, str_from(reasons[k]));
        }
        if (n > 0) {
            json_put_int(w, reasons[k], n);
        }
    }
    json_object_end(w);
}

static void put_discovered(struct json_out *w, const void *arg)
{
    const struct index_run *r = arg;
    json_put_int(w, "files", (int64_t)r->paths.count);
    json_put_int(w, "to_parse", r->n.files_total);
    json_put_int(w, "bytes", r->n.bytes_total);
    put_reasons(w, r);
}

void index_tell_discovered(struct index_run *r)
{
    send_event(r, "files_discovered", put_discovered, r);
    index_tell_progress(r, 300, "discovered");
}

static void put_file(struct json_out *w, const void *arg)
{
    const struct index_file *f = arg;
    json_put_str(w, "path", f->entry->path);
    if (f->status == CODE_FAILED) {
        json_put_str(w, "code", f->reason);
    } else {
        json_put_int(w, "errors", f->error_count);
        json_put_int(w, "first_error_line", f->first_error_line);
    }
}

void index_tell_file(struct index_run *r, const struct index_file *f)
{
    if (f->status == CODE_FAILED && r->n.told_failed++ < INDEX_MAX_TOLD) {
        send_event(r, "file_failed", put_file, f);
    } else if (f->status == CODE_PARTIAL && r->n.told_partial++ < INDEX_MAX_TOLD) {
        send_event(r, "file_partial", put_file, f);
    }
}

static void put_done(struct json_out *w, const void *arg)
{
    const struct index_run *r = arg;
    json_put_int(w, "files_done", r->n.files_done);
    json_put_int(w, "files", r->n.files_total);
    json_put_int(w, "bytes_done", r->n.bytes_done);
    json_put_int(w, "symbols", r->n.symbols);
}

/* Parsing is 30–85 % of the job, by bytes; every tenth of it is an event. */
void index_tell_done(struct index_run *r)
{
    int64_t percent = r->n.bytes_total > 0 ? 100 * r->n.bytes_done / r->n.bytes_total : 100;
    index_tell_progress(r, (int)(300 + 550 * percent / 100), "parsing");
    if (percent >= r->n.told_percent + 10) {
        r->n.told_percent = percent - percent % 10;
        send_event(r, "index_progress", put_done, r);
    }
}

static void put_imports(struct json_out *w, const void *arg)
{
    const struct index_run *r = arg;
    json_name(w, "imports");
    json_object_begin(w);
    for (int i = 0; i < CODE_CLASS_COUNT; i++) {
        if (r->n.classes[i] > 0) {
            json_put_int(w, code_class_name((enum code_class)i), r->n.classes[i]);
        }
    }
    json_object_end(w);
    json_put_int(w, "cycles", r->n.cycles);
}

void index_tell_graph(struct index_run *r)
{
    send_event(r, "graph_resolved", put_imports, r);
    index_tell_progress(r, 920, "linked");
}

/* ---- the result */

static void put_counts(struct json_out *w, const struct index_run *r)
{
    json_name(w, "files");
    json_object_begin(w);
    for (int i = 0; i < CODE_STATUS_COUNT; i++) {
        json_put_int(w, code_status_name((enum code_status)i), r->n.status[i]);
    }
    json_object_end(w);
    put_reasons(w, r);
    json_put_int(w, "reused", r->n.reused);
    json_name(w, "symbols");
    json_object_begin(w);
    for (int i = 0; i < CODE_KIND_COUNT; i++) {
        if (r->n.kinds[i] > 0) {
            json_put_int(w, code_kind_name((enum code_kind)i), r->n.kinds[i]);
        }
    }
    json_object_end(w);
    json_put_int(w, "symbol_count", r->n.symbols);
    put_imports(w, r);
}

static void put_times(struct json_out *w, const struct index_run *r)
{
    static const char *const names[PHASE_COUNT] = {"resolve", "clone", "discover", "parse", "graph", "store"};
    int64_t total_us = 0;
    json_name(w, "ms");
    json_object_begin(w);
    for (int i = 0; i < PHASE_COUNT; i++) {
        json_put_int(w, names[i], r->phase_us[i] / 1000);
        total_us += r->phase_us[i];
    }
    json_put_int(w, "total", total_us / 1000);
    json_object_end(w);
}

static void put_file_errors(struct json_out *w, const struct index_run *r)
{
    int told = 0;
    json_name(w, "file_errors");
    json_array_begin(w);
    for (size_t i = 0; i < r->paths.count && told < INDEX_MAX_TOLD; i++) {
        const struct index_file *f = &r->files[i];
        if (f->status == CODE_FAILED || f->status == CODE_PARTIAL) {
            json_object_begin(w);
            json_put_c(w, "status", code_status_name(f->status));
            put_file(w, f);
            json_object_end(w);
            told++;
        }
    }
    json_array_end(w);
}

static void put_identity(struct json_out *w, const struct index_run *r, bool is_unchanged)
{
    put_source(w, r);
    json_put_str(w, "series", r->series);
    json_put_bool(w, "unchanged", is_unchanged);
    json_put_int(w, "extractor_version", EXTRACT_VERSION);
    json_put_int(w, "format", CODEINDEX_FORMAT);
    json_put_str(w, "options_hash", r->args.options_hash);
}

static struct str finished(struct index_run *r, struct buf *text)
{
    struct str out = arena_str(r->a, buf_str(text));
    buf_dispose(text);
    return out;
}

struct str index_result(struct index_run *r)
{
    struct buf text = BUF_LIMIT(MAX_RESULT_BYTES);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    put_identity(&w, r, false);
    put_counts(&w, r);
    put_times(&w, r);
    put_file_errors(&w, r);
    json_object_end(&w);
    return finished(r, &text);
}

struct str index_result_unchanged(struct index_run *r, const struct json *previous)
{
    static const char *const same[] = {"files",   "skipped", "symbols",    "symbol_count",
                                       "imports", "cycles",  "file_errors"};
    struct buf text = BUF_LIMIT(MAX_RESULT_BYTES);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    put_identity(&w, r, true);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const struct json *member = json_get(previous, str_from(same[i]));
        if (member) {
            json_put_raw(&w, same[i], member->raw);
        }
    }
    put_times(&w, r);
    json_object_end(&w);
    return finished(r, &text);
}
