/* index_repo.c: the phases of an index-repo job, in order:
 *
 *   resolve (0–5 %)  what commit the ref means; the same as last time ends the job as unchanged
 *   clone (5–25)     that commit alone, without history or working tree
 *   discover (25–30) which files, and why not the others
 *   parse (30–85)    in processes that may die; blobs the previous index knows are taken over
 *   graph (85–92)    where imports lead, cycles
 *   store (92–99)    the index file, an artifact of the job and the newest of its series
 *
 * The index is written to a private file and published with the job's completion: whoever dies on the way leaves nothing. */
#include "kinds/index_repo/index_repo.h"

#include "base/clock.h"
#include "codeindex/codeindex_name.h"
#include "kinds/index_repo/extract.h"
#include "kinds/index_repo/index_run.h"
#include "kinds/index_repo/parse_pool.h"

#define CORRUPT_TRIES 2
#define PREVIOUS_FILE "previous.db"
#define INDEX_FILE    "index.db"

static void end_phase(struct index_run *r, enum index_phase phase)
{
    int64_t now_us = clock_mono_us();
    r->phase_us[phase] = now_us - r->phase_from_us;
    r->phase_from_us = now_us;
}

/* ---- resolve */

static bool is_cancelled(void *arg)
{
    struct index_run *r = arg;
    return attempt_is_cancelled(r->at);
}

static void on_clone_progress(void *arg, int percent)
{
    index_tell_progress(arg, 50 + 2 * percent, "cloning");
}

static const char *in_scratch(struct index_run *r, const char *name)
{
    return arena_c_str(r->a, arena_printf(r->a, "%s/%s", attempt_scratch(r->at), name));
}

static enum rc open_repository(struct index_run *r, struct err *e)
{
    struct address_rules *rules = arena_alloc(r->a, sizeof *rules);
    struct git_options o = {.repo = r->args.repo,
                            .rules = rules,
                            .allow_paths = attempt_option(r->at, "allow-path"),
                            .scratch = attempt_scratch(r->at),
                            .max_repo_bytes = r->args.max_repo_bytes,
                            .timeout_ms = r->args.clone_timeout_ms,
                            .is_cancelled = is_cancelled,
                            .on_progress = on_clone_progress,
                            .arg = r};
    if (r->args.secret_name.n > 0 && !attempt_secret(r->at, r->args.secret_name, &o.secret)) {
        return err_set_code(e, RC_NOT_FOUND, "invalid_input", "secret", "secret: there is none called %.*s",
                            STR_ARG(r->args.secret_name));
    }
    enum rc rc =
        address_rules_read(attempt_option(r->at, "allow-net"), attempt_option(r->at, "own-port"), rules, e);
    rc = rc ? rc : git_open(&o, r->a, &r->git, e);
    rc = rc ? rc : git_look_up(r->git, e);
    rc = rc ? rc : git_resolve(r->git, r->args.ref, &r->head, e);
    if (!rc) {
        r->is_dirty = git_is_dirty(r->git);
    }
    return rc;
}

static bool is_same(const struct json *previous, const char *name, struct str value)
{
    const struct json *member = json_get(previous, str_from(name));
    return member && str_eq(member->type == JSON_STRING ? member->s : member->raw, value);
}

/* True when the newest index of the series is of this commit, made with the same rules and options. */
static bool is_unchanged(struct index_run *r, const struct json *previous)
{
    return is_same(previous, "commit", r->head.commit) &&
           is_same(previous, "extractor_version", arena_printf(r->a, "%d", EXTRACT_VERSION)) &&
           is_same(previous, "format", arena_printf(r->a, "%d", CODEINDEX_FORMAT)) &&
           is_same(previous, "options_hash", r->args.options_hash);
}

/* Fetches the previous index; *result = what its job told, NULL when there is none or it shall not be used. An index that
 * cannot serve as a cache is as good as none. */
static void open_previous(struct index_run *r, struct json **result)
{
    struct str text = STR_NONE;
    const char *path = in_scratch(r, PREVIOUS_FILE);
    *result = NULL;
    if (r->args.force || attempt_series(r->at, r->series, path, &text, NULL)) {
        return;
    }
    if (json_parse(text, r->a, result, NULL)) {
        *result = NULL;
    }
    if (codeindex_open(path, EXTRACT_VERSION, &r->previous, NULL)) {
        r->previous = NULL;
    }
}

/* ---- store */

static enum rc create_index(struct index_run *r, struct err *e)
{
    struct codeindex_meta m = {.repo = r->repo_name,
                               .ref = r->args.ref,
                               .commit = r->head.commit,
                               .options_hash = r->args.options_hash,
                               .extractor_version = EXTRACT_VERSION,
                               .is_dirty = r->is_dirty};
    return codeindex_create(in_scratch(r, INDEX_FILE), &m, &r->index, e);
}

static enum rc publish(struct index_run *r, struct err *e)
{
    enum rc rc = codeindex_finish(r->index, e);
    if (rc) {
        return rc;
    }
    codeindex_close(r->index);
    r->index = NULL;
    end_phase(r, PHASE_STORE);
    index_tell_progress(r, 990, "publishing");
    attempt_artifact(r->at, CODEINDEX_ARTIFACT, "application/vnd.sqlite3", in_scratch(r, INDEX_FILE),
                     r->series, r->args.keep_indexes);
    attempt_complete(r->at, index_result(r));
    return RC_OK;
}

/* ---- all of it */

static enum rc index_commit(struct index_run *r, struct err *e)
{
    enum rc rc = git_fetch(r->git, &r->head, e);
    end_phase(r, PHASE_CLONE);
    index_tell_progress(r, 250, "cloned");
    rc = rc ? rc : index_discover(r, e);
    rc = rc ? rc : create_index(r, e);
    if (rc) {
        return rc;
    }
    index_tell_discovered(r);
    end_phase(r, PHASE_DISCOVER);
    rc = index_parse(r, e);
    end_phase(r, PHASE_PARSE);
    index_tell_progress(r, 850, "linking");
    rc = rc ? rc : index_link(r, e);
    if (rc) {
        return rc;
    }
    index_tell_graph(r);
    end_phase(r, PHASE_GRAPH);
    return publish(r, e);
}

static enum rc run_phases(struct index_run *r, struct err *e)
{
    struct json *previous = NULL;
    enum rc rc = index_args_read(attempt_args(r->at), r->a, &r->args, e);
    if (rc) {
        return rc;
    }
    r->repo_name = codeindex_canonical_repo(r->args.repo, r->a);
    r->series = codeindex_series(r->args.repo, r->args.ref, r->a);
    index_tell_started(r);
    rc = open_repository(r, e);
    if (rc) {
        return rc;
    }
    index_tell_ref(r);
    open_previous(r, &previous);
    end_phase(r, PHASE_RESOLVE);
    if (is_unchanged(r, previous)) {
        index_tell_progress(r, 990, "unchanged");
        attempt_complete(r->at, index_result_unchanged(r, previous));
        return RC_OK;
    }
    return index_commit(r, e);
}

static enum rc run(struct attempt *at, struct err *e)
{
    struct index_run r = {.at = at, .a = attempt_arena(at), .phase_from_us = clock_mono_us()};
    enum rc rc = run_phases(&r, e);
    bool is_corrupt = rc && e->code && strcmp(e->code, "remote_corrupt") == 0;
    if (is_corrupt && attempt_number(at) >= CORRUPT_TRIES) {
        attempt_fail(at, ERROR_PERMANENT, "remote_corrupt", "%s", e->text);
    }
    codeindex_close(r.index);
    codeindex_close(r.previous);
    git_close(r.git);
    return rc;
}

const struct handler index_repo_handler = {
    .kind = "index-repo",
    .run = run,
    .parse = parse_answer,
    .help = "indexes the symbols and imports of a git repository: {\"repo\": URL or path, \"ref\": \"HEAD\"}",
};
