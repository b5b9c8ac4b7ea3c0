/* index_run.h: one index-repo job on its way: what index_repo.c (the phases), index_files.c (the files) and index_report.c (what is
 * told) share. */
#ifndef STINT_KINDS_INDEX_REPO_INDEX_RUN_H
#define STINT_KINDS_INDEX_REPO_INDEX_RUN_H

#include "codeindex/codeindex.h"
#include "kinds/index_repo/git.h"
#include "kinds/index_repo/index_args.h"
#include "kinds/index_repo/paths.h"
#include "worker/handler.h"

#define INDEX_MAX_TOLD 100 /* file errors in the result, and events of one type */

enum index_phase {
    PHASE_RESOLVE,
    PHASE_CLONE,
    PHASE_DISCOVER,
    PHASE_PARSE,
    PHASE_GRAPH,
    PHASE_STORE,
    PHASE_COUNT
};

/* One file of the commit; its id in the index is its place + 1. */
struct index_file {
    const struct git_entry *entry;
    enum code_lang lang;
    enum code_status status;
    struct str reason; /* skipped, failed */
    int error_count, first_error_line;
    struct code_import *imports; /* in the job's arena */
    size_t import_count;
};

struct index_counts {
    int64_t status[CODE_STATUS_COUNT], kinds[CODE_KIND_COUNT], classes[CODE_CLASS_COUNT];
    int64_t symbols, cycles, reused; /* reused: files whose blob the previous index knew */
    int64_t bytes_done, bytes_total, files_done, files_total; /* of the candidates */
    int64_t told_failed, told_partial, told_percent;
};

struct index_run {
    struct attempt *at;
    struct arena *a;
    struct index_args args;
    struct str repo_name, series;
    struct git *git;
    struct git_head head;
    bool is_dirty;
    struct codeindex *previous, *index;
    struct index_file *files;
    struct path_list paths;
    struct index_counts n;
    int64_t phase_us[PHASE_COUNT], phase_from_us, started_us;
    int permille;
};

/* Decides about every file and parses those that are worth it; their rows are in the index afterwards. */
MUST_CHECK enum rc index_discover(struct index_run *r, struct err *e);
MUST_CHECK enum rc index_parse(struct index_run *r, struct err *e);
/* Resolves all imports, finds cycles, writes both. */
MUST_CHECK enum rc index_link(struct index_run *r, struct err *e);

/* ---- telling. Progress never falls. */
void index_tell_progress(struct index_run *r, int permille, const char *what);
void index_tell_started(struct index_run *r);
void index_tell_ref(struct index_run *r);
void index_tell_discovered(struct index_run *r);
void index_tell_file(struct index_run *r, const struct index_file *f);
void index_tell_done(struct index_run *r);
void index_tell_graph(struct index_run *r);
struct str index_result(struct index_run *r);
/* The result of the job that published the previous index, marked unchanged. */
struct str index_result_unchanged(struct index_run *r, const struct json *previous);

#endif
