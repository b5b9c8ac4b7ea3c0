/* prompts_find.c: which batch of prompts is meant, and which job reports on it. Batches are found by their name, finished reports in
 * their series; only a report that is not there yet is looked for among all jobs that are younger than its batch. */
#include "base/clock.h"
#include "cmd/prompts.h"

#define DAY_BYTES       10
#define PAGE            "1000"
#define SERIES_MAX      "366"
#define CLOCKS_APART_MS 60000 /* of nodes that name jobs and batches */

static int64_t jobs_in(const struct json *batch)
{
    int64_t n = 0;
    for (const struct json *c = first_of(batch, "counts"); c; c = c->next) {
        n += c->type == JSON_INT ? c->i : 0;
    }
    return n;
}

/* Who lost against the same command at the same moment leaves one. */
static bool is_given_up(const struct json *batch)
{
    return number_of(batch, "cancelled") && !jobs_in(batch);
}

static struct str day_of(const struct json *batch)
{
    const struct json *labels = json_get(batch, STR("labels"));
    struct str date = json_text(labels, "date"), tick = json_text(labels, "tick");
    struct str at = date.n ? date : tick.n ? tick : json_text(batch, "created_at");
    return str_sub(at, 0, DAY_BYTES);
}

int prompts_find_batch(struct remote *r, struct str name, struct str date, struct str digits,
                       const struct json **out)
{
    const struct json *best = NULL, *answer = NULL;
    struct str cursor = STR_NONE;
    do {
        remote_path(r, "/v1/batches?limit=" PAGE);
        remote_query(r, "name", name);
        remote_query(r, "cursor", cursor);
        int code = remote_call(r, "GET", remote_target(r), STR_NONE, &answer);
        if (code) {
            return code;
        }
        for (const struct json *b = first_of(answer, "batches"); b; b = b->next) {
            bool is_meant = !digits.n || str_eq(json_text(json_get(b, STR("labels")), "digits"), digits);
            bool is_of_date = !date.n || str_eq(day_of(b), date);
            bool is_newer = !best || str_compare(day_of(b), day_of(best)) > 0;
            best = is_meant && is_of_date && is_newer && !is_given_up(b) ? b : best;
        }
        cursor = json_text(answer, "next_cursor");
    } while (cursor.n);
    *out = best;
    return best ? EXIT_OK : EXIT_NOT_FOUND;
}

int prompts_find(struct remote *r, struct str ref, const struct json **batch)
{
    struct id unused;
    struct str date = STR_NONE, name = str_cut(ref, ':', &date);
    if (!id_parse(ref, &unused)) {
        return str_is_name(ref) ? prompts_find_batch(r, name, date, STR_NONE, batch) : EXIT_NOT_FOUND;
    }
    struct stint_error e = {0};
    remote_path(r, "/v1/batches/");
    remote_segment(r, ref);
    int code = remote_try(r, "GET", STR_NONE, STR_NONE, batch, &e);
    return !code ? EXIT_OK : code == STINT_ENOTFOUND ? EXIT_NOT_FOUND : remote_fail(r, &e);
}

int prompts_resolve(struct remote *r, struct str ref, struct str *id)
{
    struct id unused;
    const struct json *batch = NULL;
    *id = ref;
    if (id_parse(ref, &unused)) {
        return EXIT_OK;
    }
    int code = prompts_find(r, ref, &batch);
    *id = json_text(batch, "id");
    return code == EXIT_NOT_FOUND ? command_fail(r->o, code, "there is no batch %.*s", STR_ARG(ref)) : code;
}

/* ---- reports */

int prompts_find_entry(struct remote *r, struct str ref, struct str *series, const struct json **entry)
{
    struct id unused;
    struct str date = STR_NONE, name = str_cut(ref, ':', &date);
    const struct json *batch = NULL, *answer = NULL;
    struct stint_error e = {0};
    bool is_id = id_parse(ref, &unused);
    int code = is_id ? prompts_find(r, ref, &batch) : EXIT_OK;
    if (code) {
        return code;
    }
    *series = arena_printf(r->a, "prompt-report:%.*s", STR_ARG(is_id ? json_text(batch, "name") : name));
    remote_path(r, "/v1/series/");
    remote_segment(r, *series);
    remote_query(r, "limit", STR(SERIES_MAX));
    code = remote_try(r, "GET", STR_NONE, STR_NONE, &answer, &e);
    if (code) {
        return code == STINT_ENOTFOUND ? EXIT_NOT_FOUND : remote_fail(r, &e);
    }
    struct str newest = STR_NONE;
    *entry = NULL;
    for (const struct json *i = first_of(answer, "entries"); i; i = i->next) {
        const struct json *result = json_get(i, STR("result"));
        struct str day = str_sub(json_text(result, "date"), 0, DAY_BYTES);
        bool is_meant = is_id ? str_eq(json_text(result, "batch"), ref)
                        : date.n
                            ? str_starts(json_text(result, "date"), date) /* of a tick, its day will do */
                            : !*entry || str_compare(day, newest) > 0;
        if (is_meant && (!*entry || !(is_id || date.n))) {
            *entry = i;
            newest = day;
        }
    }
    return *entry ? EXIT_OK : EXIT_NOT_FOUND;
}

static int get_job(struct remote *r, struct str id, const struct json **job)
{
    struct stint_error e = {0};
    remote_path(r, "/v1/jobs/");
    remote_segment(r, id);
    int code = remote_try(r, "GET", STR_NONE, STR_NONE, job, &e);
    return !code ? EXIT_OK : code == STINT_ENOTFOUND ? EXIT_NOT_FOUND : remote_fail(r, &e);
}

int prompts_completed_report(struct remote *r, struct str ref, const struct json **job)
{
    struct str unused = STR_NONE;
    const struct json *entry = NULL;
    int code = prompts_find_entry(r, ref, &unused, &entry);
    return code ? code : get_job(r, json_text(entry, "job"), job);
}

static bool is_about(const struct json *report, struct str id)
{
    return str_eq(json_text(json_get(report, STR("args")), "batch"), id) ||
           str_eq(json_text(report, "finally_of"), id);
}

static int find_among_jobs(struct remote *r, const struct json *batch, const struct json **job)
{
    const struct json *answer = NULL;
    struct str cursor = STR_NONE;
    int64_t since = time_of(batch, "created_at") - CLOCKS_APART_MS;
    do {
        remote_path(r, "/v1/jobs?kind=prompt-report&limit=" PAGE "&state=" PROMPTS_REAL);
        remote_query(r, "tag", arena_printf(r->a, "batch:%.*s", STR_ARG(json_text(batch, "name"))));
        remote_query(r, "since", arena_str(r->a, str_from(time_text(since).s)));
        remote_query(r, "cursor", cursor);
        int code = remote_call(r, "GET", remote_target(r), STR_NONE, &answer);
        for (const struct json *j = code ? NULL : first_of(answer, "jobs"); j; j = j->next) {
            code = code ? code : get_job(r, json_text(j, "id"), job);
            if (!code && is_about(*job, json_text(batch, "id"))) {
                return EXIT_OK;
            }
        }
        if (code) {
            return code;
        }
        cursor = json_text(answer, "next_cursor");
    } while (cursor.n);
    return EXIT_NOT_FOUND;
}

static int is_of_prompts(struct remote *r, const struct json *batch, bool *is)
{
    const struct json *answer = NULL;
    remote_path(r, "/v1/batches/%.*s/jobs?limit=1", STR_ARG(json_text(batch, "id")));
    int code = remote_call(r, "GET", remote_target(r), STR_NONE, &answer);
    *is = !code && str_eq(json_text(first_of(answer, "jobs"), "kind"), STR("run-prompt"));
    return code;
}

int prompts_report_of_batch(struct remote *r, const struct json *batch, const struct json **job)
{
    bool is_ours = false;
    int code = is_of_prompts(r, batch, &is_ours);
    if (code || !is_ours) {
        return code ? code : EXIT_NOT_FOUND;
    }
    code = prompts_completed_report(r, json_text(batch, "id"), job);
    return code == EXIT_NOT_FOUND ? find_among_jobs(r, batch, job) : code;
}
