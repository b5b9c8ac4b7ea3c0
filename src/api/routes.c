/* routes.c: every route of the server, one row each. openapi.json describes the same set; test/unit/api_routes.c and
 * test/e2e/openapi.test.mjs compare them. The hot ones come first: the table is walked from its start. */
#include "api/call.h"

#include <string.h>

#define FILTER " state queue kind tag batch since until limit cursor "
#define BULK   ((size_t)32 << 20)

static const char no_query[] = " ";

#define R   SCOPE_READ
#define EN  SCOPE_ENQUEUE
#define WO  (SCOPE_WORK | SCOPE_WORK_ALL)
#define RW  (SCOPE_READ | SCOPE_WORK | SCOPE_WORK_ALL)
#define AD  SCOPE_ADMIN
#define JOB API_JOB_IN_PATH
#define ALL API_TENANT_WIDE
#define NL  API_NAMES_LEASES

/* clang-format off */
const struct api_route api_routes[] = {
    {HTTP_POST,   "/v1/jobs",         "enqueueJobs",   EN, API_KEY, API_JOBS, BULK, " partial ", 0, api_enqueue},
    {HTTP_POST,   "/v1/claims",       "claimJobs",     WO, API_KEY, API_JSON, 0, no_query, NL, api_claim},
    {HTTP_POST,   "/v1/reports",      "reportJobs",    WO, API_KEY, API_JSON, BULK, no_query, NL, api_report},
    {HTTP_GET,    "/v1/jobs/{id}",    "getJob",        RW,  API_KEY, API_NO_BODY, 0, " wait ", JOB, api_get_job},
    {HTTP_GET,    "/v1/jobs",         "listJobs",      R,  API_KEY, API_NO_BODY, 0, FILTER, 0, api_list_jobs},
    {HTTP_PATCH,  "/v1/jobs/{id}",    "patchJob",      EN, API_KEY, API_JSON, (size_t)2 << 20, no_query, JOB, api_patch_job},
    {HTTP_DELETE, "/v1/jobs/{id}",    "eraseJob",      EN, API_KEY, API_NO_BODY, 0, no_query, JOB, api_erase_job},
    {HTTP_POST,   "/v1/jobs/{id}/cancel",  "cancelJob",  EN, API_KEY, API_EMPTY, 0, no_query, JOB, api_cancel_job},
    {HTTP_POST,   "/v1/jobs/{id}/retry",   "retryJob",   EN, API_KEY, API_EMPTY, 0, no_query, JOB, api_retry_job},
    {HTTP_POST,   "/v1/jobs/{id}/promote", "promoteJob", EN, API_KEY, API_EMPTY, 0, no_query, JOB, api_promote_job},
    {HTTP_POST,   "/v1/jobs/cancel",  "cancelJobs",    EN, API_KEY, API_JSON, 0, no_query, 0, api_cancel_jobs},
    {HTTP_POST,   "/v1/jobs/retry",   "retryJobs",     EN, API_KEY, API_JSON, 0, no_query, 0, api_retry_jobs},
    {HTTP_POST,   "/v1/jobs/promote", "promoteJobs",   EN, API_KEY, API_JSON, 0, no_query, 0, api_promote_jobs},
    {HTTP_GET,    "/v1/jobs/{id}/children", "listChildren", RW, API_KEY, API_NO_BODY, 0, " limit cursor full ", JOB, api_list_children},
    {HTTP_GET,    "/v1/jobs/{id}/children/artifacts/{name}", "listChildArtifacts", RW, API_KEY, API_NO_BODY, 0, " limit cursor ", JOB, api_list_child_artifacts},
    {HTTP_GET,    "/v1/jobs/{id}/events", "readEvents", R, API_KEY_OR_TOKEN, API_NO_BODY, 0, " last_event_id limit token ", JOB, api_read_events},
    {HTTP_POST,   "/v1/jobs/{id}/stream-token", "createStreamToken", R, API_KEY, API_MAYBE_JSON, 0, no_query, JOB, api_create_stream_token},
    {HTTP_GET,    "/v1/jobs/{id}/artifacts", "listArtifacts", RW, API_KEY, API_NO_BODY, 0, no_query, JOB, api_list_artifacts},
    {HTTP_GET,    "/v1/jobs/{id}/artifacts/{name}", "getArtifact", RW, API_KEY, API_NO_BODY, 0, no_query, JOB, api_get_artifact},
    {HTTP_PUT,    "/v1/jobs/{id}/artifacts/{name}", "putArtifact", WO, API_KEY, API_UPLOAD, (size_t)JOB_ARTIFACT_MAX_BYTES, " lease ", JOB | NL, api_put_artifact},
    {HTTP_GET,    "/v1/series",        "listSeries",   RW,  API_KEY, API_NO_BODY, 0, " prefix after limit ", ALL, api_list_series},
    {HTTP_GET,    "/v1/series/{name}", "getSeries",    RW,  API_KEY, API_NO_BODY, 0, " limit ", ALL, api_get_series},
    {HTTP_GET,    "/v1/series/{name}/content", "getSeriesContent", RW, API_KEY, API_NO_BODY, 0, " job ", ALL, api_get_series_content},
    {HTTP_GET,    "/v1/queues",        "listQueues",   R,  API_KEY, API_NO_BODY, 0, no_query, 0, api_list_queues},
    {HTTP_GET,    "/v1/queues/{name}", "getQueue",     R,  API_KEY, API_NO_BODY, 0, no_query, 0, api_get_queue},
    {HTTP_PATCH,  "/v1/queues/{name}", "patchQueue",   AD, API_KEY, API_JSON, 0, no_query, 0, api_patch_queue},
    {HTTP_DELETE, "/v1/queues/{name}", "deleteQueue",  AD, API_KEY, API_NO_BODY, 0, no_query, 0, api_delete_queue},
    {HTTP_POST,   "/v1/queues/{name}/pause",  "pauseQueue",  AD, API_KEY, API_EMPTY, 0, no_query, 0, api_pause_queue},
    {HTTP_POST,   "/v1/queues/{name}/resume", "resumeQueue", AD, API_KEY, API_EMPTY, 0, no_query, 0, api_resume_queue},
    {HTTP_GET,    "/v1/limits",        "listLimits",   R,  API_KEY, API_NO_BODY, 0, " after limit server ", ALL, api_list_limits},
    {HTTP_GET,    "/v1/limits/{key}",  "getLimit",     R,  API_KEY, API_NO_BODY, 0, no_query, ALL, api_get_limit},
    {HTTP_PUT,    "/v1/limits/{key}",  "putLimit",     AD, API_KEY, API_JSON, 0, no_query, ALL, api_put_limit},
    {HTTP_DELETE, "/v1/limits/{key}",  "deleteLimit",  AD, API_KEY, API_NO_BODY, 0, no_query, ALL, api_delete_limit},
    {HTTP_POST,   "/v1/limits/{key}/pause",  "pauseLimit",  AD, API_KEY, API_MAYBE_JSON, 0, no_query, ALL, api_pause_limit},
    {HTTP_POST,   "/v1/limits/{key}/resume", "resumeLimit", AD, API_KEY, API_EMPTY, 0, no_query, ALL, api_resume_limit},
    {HTTP_GET,    "/v1/schedules",        "listSchedules",  R,  API_KEY, API_NO_BODY, 0, " after limit ", ALL, api_list_schedules},
    {HTTP_GET,    "/v1/schedules/{name}", "getSchedule",    R,  API_KEY, API_NO_BODY, 0, " next ", ALL, api_get_schedule},
    {HTTP_PUT,    "/v1/schedules/{name}", "putSchedule",    AD, API_KEY, API_JSON, (size_t)2 << 20, no_query, ALL, api_put_schedule},
    {HTTP_PATCH,  "/v1/schedules/{name}", "patchSchedule",  AD, API_KEY, API_JSON, (size_t)2 << 20, no_query, ALL, api_patch_schedule},
    {HTTP_DELETE, "/v1/schedules/{name}", "deleteSchedule", AD, API_KEY, API_NO_BODY, 0, no_query, ALL, api_delete_schedule},
    {HTTP_POST,   "/v1/schedules/{name}/run",    "runSchedule",    EN, API_KEY, API_EMPTY, 0, no_query, ALL, api_run_schedule},
    {HTTP_POST,   "/v1/schedules/{name}/pause",  "pauseSchedule",  AD, API_KEY, API_EMPTY, 0, no_query, ALL, api_pause_schedule},
    {HTTP_POST,   "/v1/schedules/{name}/resume", "resumeSchedule", AD, API_KEY, API_EMPTY, 0, no_query, ALL, api_resume_schedule},
    {HTTP_POST,   "/v1/batches",      "createBatch",   EN, API_KEY, API_JSON, BULK, no_query, ALL, api_create_batch},
    {HTTP_GET,    "/v1/batches",      "listBatches",   R,  API_KEY, API_NO_BODY, 0, " name label limit cursor ", ALL, api_list_batches},
    {HTTP_GET,    "/v1/batches/{id}", "getBatch",      R,  API_KEY, API_NO_BODY, 0, " wait ", JOB | ALL, api_get_batch},
    {HTTP_GET,    "/v1/batches/{id}/jobs", "listBatchJobs", R, API_KEY, API_NO_BODY, 0, " state queue kind tag since until limit cursor ", JOB | ALL, api_list_batch_jobs},
    {HTTP_GET,    "/v1/batches/{id}/results", "listBatchResults", RW, API_KEY, API_NO_BODY, 0, " limit cursor ", JOB | ALL, api_list_batch_results},
    {HTTP_GET,    "/v1/batches/{id}/events", "readBatchEvents", R, API_KEY, API_NO_BODY, 0, " last_event_id limit ", JOB | ALL, api_read_batch_events},
    {HTTP_POST,   "/v1/batches/{id}/close",  "closeBatch",  EN, API_KEY, API_EMPTY, 0, no_query, JOB | ALL, api_close_batch},
    {HTTP_POST,   "/v1/batches/{id}/cancel", "cancelBatch", EN, API_KEY, API_EMPTY, 0, no_query, JOB | ALL, api_cancel_batch},
    {HTTP_GET,    "/v1/workers",       "listWorkers",  R,  API_KEY, API_NO_BODY, 0, no_query, ALL, api_list_workers},
    {HTTP_GET,    "/v1/stats",         "getStats",     R,  API_KEY, API_NO_BODY, 0, no_query, ALL, api_get_stats},
    {HTTP_GET,    "/v1/events",        "readFeed",     R,  API_KEY, API_NO_BODY, 0, no_query, ALL, api_read_feed},
    {HTTP_GET,    "/v1/dead",          "listDead",     R,  API_KEY, API_NO_BODY, 0, " queue kind tag since until limit cursor ", 0, api_list_dead},
    {HTTP_POST,   "/v1/dead/retry",    "retryDead",    EN, API_KEY, API_JSON, 0, no_query, 0, api_retry_dead},
    {HTTP_POST,   "/v1/dead/purge",    "purgeDead",    AD, API_KEY, API_JSON, 0, no_query, 0, api_purge_dead},
    {HTTP_GET,    "/v1/keys",          "listKeys",     AD, API_KEY, API_NO_BODY, 0, no_query, ALL, api_list_keys},
    {HTTP_POST,   "/v1/keys",          "createKey",    AD, API_KEY, API_JSON, 0, no_query, ALL, api_create_key},
    {HTTP_DELETE, "/v1/keys/{id}",     "revokeKey",    AD, API_KEY, API_NO_BODY, 0, no_query, ALL, api_revoke_key},
    {HTTP_GET,    "/v1/index",          "listIndexes",  R,  API_KEY, API_NO_BODY, 0, " after limit ", ALL, api_list_indexes},
    {HTTP_GET,    "/v1/index/{repo}/symbols", "querySymbols", R, API_KEY, API_NO_BODY, 0, " ref q kind exported path lang locals limit cursor ", ALL, api_query_index},
    {HTTP_GET,    "/v1/index/{repo}/outline", "queryOutline", R, API_KEY, API_NO_BODY, 0, " ref file ", ALL, api_query_index},
    {HTTP_GET,    "/v1/index/{repo}/deps",    "queryDeps",    R, API_KEY, API_NO_BODY, 0, " ref file direction depth limit ", ALL, api_query_index},
    {HTTP_GET,    "/v1/index/{repo}/cycles",  "queryCycles",  R, API_KEY, API_NO_BODY, 0, " ref limit cursor ", ALL, api_query_index},
    {HTTP_GET,    "/v1/index/{repo}/files",   "queryFiles",   R, API_KEY, API_NO_BODY, 0, " ref status reason lang path limit cursor ", ALL, api_query_index},
    {HTTP_GET,    "/v1/index/{repo}/summary", "querySummary", R, API_KEY, API_NO_BODY, 0, " ref ", ALL, api_query_index},
    {HTTP_GET,    "/livez",            "getLivez",     0,  API_OPEN, API_NO_BODY, 0, no_query, 0, api_get_livez},
    {HTTP_GET,    "/readyz",           "getReadyz",    0,  API_OPEN, API_NO_BODY, 0, no_query, 0, api_get_readyz},
    {HTTP_GET,    "/metrics",          "getMetrics",   AD, API_LOCAL_OR_KEY, API_NO_BODY, 0, no_query, ALL, api_get_metrics},
    {HTTP_GET,    "/openapi.json",     "getOpenapi",   0,  API_OPEN, API_NO_BODY, 0, no_query, 0, api_get_openapi},
};
/* clang-format on */

const size_t api_route_count = sizeof api_routes / sizeof api_routes[0];

/* Does the path have the shape of the pattern? Segments stand for themselves or, as {name}, for one segment that is not
 * empty. Nothing is normalised: "//", "." and a slash at the end make another path, which has no route. */
static bool match(const char *pattern, struct str path, struct str *params)
{
    struct str want = str_from(pattern);
    size_t n = 0;

    while (want.p && path.p) {
        struct str w = str_cut(want, '/', &want);
        struct str p = str_cut(path, '/', &path);
        if (w.n > 0 && w.p[0] == '{') {
            if (p.n == 0) {
                return false;
            }
            params[n++] = p;
        } else if (!str_eq(w, p)) {
            return false;
        }
    }
    return !want.p && !path.p;
}

const struct api_route *api_route_find(enum http_method method, struct str path, struct arena *a,
                                       struct str *params, struct buf *allow)
{
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;

    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *r = &api_routes[i];
        struct str found[API_PARAMS_MAX] = {STR_NONE, STR_NONE};
        if (!match(r->pattern, path, found)) {
            continue;
        }
        if (r->method != wanted) {
            buf_append_c(allow, allow->n > 0 ? ", " : "");
            buf_append_str(allow, http_method_name(r->method));
            buf_append_c(allow, r->method == HTTP_GET ? ", HEAD" : "");
            continue;
        }
        for (size_t k = 0; k < API_PARAMS_MAX && found[k].p; k++) {
            char *to = arena_alloc(a, found[k].n + 1);
            params[k] = (struct str){to, http_percent_decode(found[k], false, to)};
        }
        return r;
    }
    return NULL;
}
