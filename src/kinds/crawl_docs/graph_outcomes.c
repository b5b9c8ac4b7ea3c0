/* graph_outcomes.c: what the jobs of a crawl have brought, by what they asked for; and what the crawl before knew of its pages. */
#include <string.h>

#include "kinds/crawl_docs/graph_parts.h"

static struct str job_key(struct arena *a, const char *what, struct str identity)
{
    return arena_printf(a, "%s %.*s", what, STR_ARG(identity));
}

struct str outcomes_identity(const struct crawl_graph *g, struct str address)
{
    struct page_url page;
    return page_url_read(STR(""), address, g->args->query, g->a, &page, NULL) ? address : page.identity;
}

enum rc outcomes_read(struct crawl_graph *g, struct str lines, struct outcomes *out, struct err *e)
{
    for (struct str rest = lines; rest.p && rest.n;) {
        struct json *job = NULL;
        struct str line = str_cut(rest, '\n', &rest);
        enum rc rc = line.n ? json_parse_envelope(line, g->a, &job, e) : RC_OK;
        if (rc) {
            return rc;
        }
        if (!job) {
            continue;
        }
        if (out->count == out->room) {
            size_t wider = out->room ? 2 * out->room : 256;
            const struct json **jobs = arena_array(g->a, const struct json *, wider);
            memcpy(jobs, out->jobs ? out->jobs : jobs, out->count * sizeof *jobs);
            out->jobs = jobs;
            out->room = wider;
        }
        const struct json *args = json_get(job, STR("args"));
        struct str what = json_text(args, "what");
        crawl_map_put(g->jobs,
                      job_key(g->a, arena_c_str(g->a, what), outcomes_identity(g, json_text(args, "url"))),
                      out->count);
        out->jobs[out->count++] = job;
    }
    return RC_OK;
}

/* A record that cannot be read is none: the page is asked for as if it were new. */
void outcomes_read_records(struct crawl_graph *g, struct str lines)
{
    for (struct str rest = lines; rest.p && rest.n;) {
        struct json *record = NULL;
        struct str line = str_cut(rest, '\n', &rest);
        if (!line.n || json_parse_envelope(line, g->a, &record, NULL)) {
            continue;
        }
        if (g->record_count == g->record_room) {
            size_t wider = g->record_room ? 2 * g->record_room : 256;
            const struct json **list = arena_array(g->a, const struct json *, wider);
            memcpy(list, g->record_list ? g->record_list : list, g->record_count * sizeof *list);
            g->record_list = list;
            g->record_room = wider;
        }
        crawl_map_put(g->records, json_text(record, "url"), g->record_count);
        g->record_list[g->record_count++] = record;
    }
}

const struct json *outcomes_record(const struct crawl_graph *g, struct str identity)
{
    size_t at = crawl_map_get(g->records, identity);
    return g->record_list && at < g->record_count ? g->record_list[at] : NULL;
}

const struct json *outcomes_find(const struct crawl_graph *g, const struct outcomes *o, enum page_what what,
                                 struct str identity)
{
    size_t at = crawl_map_get(g->jobs, job_key(g->a, page_what_name(what), identity));
    return o->jobs && at < o->count ? o->jobs[at] : NULL;
}

bool outcomes_has_failed(const struct json *job)
{
    return str_eq(json_text(job, "state"), STR("failed"));
}

bool outcomes_is_completed(const struct json *job)
{
    return str_eq(json_text(job, "state"), STR("completed"));
}
