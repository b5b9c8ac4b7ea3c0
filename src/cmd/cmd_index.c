/* cmd_index.c: index a repository, and ask the index: sym, deps, outline. Places are printed as path:line:col, which editors and
 * terminals turn into links. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/remote.h"
#include "cmd/term.h"

/* A URL as it is; anything that is a folder here as its absolute path, since the worker has another current folder. */
static struct str canonical_repo(struct str given, struct arena *a)
{
    char path[PATH_MAX];
    if (str_find(given, STR("://"), 0) < given.n || !realpath(given.p, path)) {
        return given;
    }
    return arena_str(a, str_from(path));
}

/* ---- index ---- */

static void write_index_job(struct json_out *w, const struct options *o, struct str repo, struct str ref)
{
    const struct str *queues = NULL;
    json_object_begin(w);
    json_put_c(w, "kind", "index-repo");
    if (options_list(o, "queue", &queues)) {
        json_put_str(w, "queue", queues[0]);
    }
    json_name(w, "args");
    json_object_begin(w);
    json_put_str(w, "repo", repo);
    json_put_str(w, "ref", ref);
    remote_put_list(w, o, "include", "include");
    remote_put_list(w, o, "exclude", "exclude");
    if (options_flag(o, "force")) {
        json_put_bool(w, "force", true);
    }
    json_object_end(w);
    json_name(w, "unique_key");
    struct buf key = BUF_LIMIT(4096);
    buf_printf(&key, "index-repo:%.*s:%.*s", STR_ARG(repo), STR_ARG(ref));
    json_str(w, str_sub(buf_str(&key), 0, 256));
    buf_dispose(&key);
    json_put_int(w, "max_attempts", 5);
    json_put_int(w, "timeout_s", 1800);
    json_object_end(w);
}

/* One line: "name  a 12, b 3". */
static void print_counts(const char *title, const struct json *counts)
{
    if (!counts || !counts->count) {
        return;
    }
    term_print(TERM_DIM, "  %-9s", title);
    for (const struct json *c = counts->first; c; c = c->next) {
        (void)printf("%.*s %s%s", STR_ARG(c->name), term_count(c->i).s, c->next ? ", " : "\n");
    }
}

static void print_result(const struct json *result)
{
    struct str commit = json_text(result, "commit");
    if (number_of(result, "unchanged")) {
        term_print(TERM_GREEN, "unchanged");
        (void)printf(": commit %.*s is indexed already\n", (int)(commit.n > 12 ? 12 : commit.n), commit.p);
    } else {
        term_print(TERM_GREEN, "indexed");
        (void)printf(" commit %.*s in %s\n", (int)(commit.n > 12 ? 12 : commit.n), commit.p,
                     term_duration(number_of(json_get(result, STR("ms")), "total")).s);
    }
    print_counts("files", json_get(result, STR("files")));
    print_counts("symbols", json_get(result, STR("symbols")));
    print_counts("imports", json_get(result, STR("imports")));
    term_print(TERM_DIM, "  %-9s", "cycles");
    (void)printf("%lld\n", (long long)number_of(result, "cycles"));
    if (number_of(result, "dirty")) {
        term_print(TERM_YELLOW,
                   "  the working tree has changes that are not committed; the commit was indexed\n");
    }
}

int cmd_index(const struct options *o)
{
    struct remote r;
    struct buf body = BUF_LIMIT(1 << 20);
    struct json_out w = json_writer(&body);
    const struct json *answer = NULL;
    const struct json *job = NULL;
    int code = remote_open(&r, o);
    if (code) {
        goto out;
    }
    struct str repo = canonical_repo(options_arg(o, 0), r.a);
    if (!str_starts(repo, STR("/")) &&
        str_find_char(repo, ':', 0) == repo.n) { /* the worker could only say why not */
        code = command_fail(o, EXIT_NOT_FOUND, "no such folder: %.*s", STR_ARG(repo));
        goto out;
    }
    struct str ref = options_str(o, "ref");
    write_index_job(&w, o, repo, ref.n ? ref : STR("HEAD"));
    code = remote_call(&r, "POST", STR("/v1/jobs"), (struct str){buf_c_str(&body), body.n}, &answer);
    if (code) {
        goto out;
    }
    if (options_flag(o, "detach")) {
        (void)printf("%.*s\n", STR_ARG(json_text(answer, "id")));
        goto out;
    }
    code = remote_follow(&r, json_text(answer, "id"), false, &job);
    const struct json *result = json_get(job, STR("result"));
    if (!code && options_flag(o, "json")) {
        remote_print_json(result);
    } else if (!code) {
        print_result(result);
    }
out:
    buf_dispose(&body);
    remote_close(&r);
    return code;
}

/* ---- asking ---- */

/* --repo, else the only repository that is indexed. */
static int choose_repo(struct remote *r, struct str *out)
{
    const struct json *answer = NULL;
    struct str given = options_str(r->o, "repo");
    if (given.n) {
        *out = canonical_repo(given, r->a);
        return EXIT_OK;
    }
    int code = remote_call(r, "GET", STR("/v1/index"), STR_NONE, &answer);
    if (code) {
        return code;
    }
    const struct json *first = first_of(answer, "repos");
    if (!first) {
        return command_fail(r->o, EXIT_NOT_FOUND, "no repository is indexed yet; try: stint index .");
    }
    for (const struct json *i = first->next; i; i = i->next) {
        if (!str_eq(json_text(i, "repo"), json_text(first, "repo"))) {
            return command_fail(r->o, EXIT_USAGE,
                                "several repositories are indexed (%.*s, %.*s, …): choose one with --repo",
                                STR_ARG(json_text(first, "repo")), STR_ARG(json_text(i, "repo")));
        }
    }
    *out = json_text(first, "repo");
    return EXIT_OK;
}

static int ask(struct remote *r, const char *query, const char *file_or_q, struct str value,
               const struct json **answer)
{
    struct str repo = STR_NONE;
    const struct str *kinds = NULL;
    char limit[24];
    int code = choose_repo(r, &repo);
    if (code) {
        return code;
    }
    remote_path(r, "/v1/index/");
    remote_segment(r, repo);
    buf_printf(&r->path, "/%s", query);
    if (file_or_q) {
        remote_query(r, file_or_q, value);
    }
    remote_query(r, "ref", options_str(r->o, "ref"));
    if (command_takes(options_command(r->o), STR("kind")) && options_list(r->o, "kind", &kinds)) {
        remote_query(r, "kind", kinds[0]);
    }
    if (command_takes(options_command(r->o), STR("status"))) {
        remote_query(r, "status", options_str(r->o, "status"));
    }
    if (command_takes(options_command(r->o), STR("path"))) {
        remote_query(r, "path", options_str(r->o, "path"));
    }
    if (command_takes(options_command(r->o), STR("depth"))) {
        remote_query(r, "depth", options_str(r->o, "depth"));
        remote_query(r, "direction", options_flag(r->o, "reverse") ? STR("dependents") : STR("dependencies"));
    }
    if (command_takes(options_command(r->o), STR("limit"))) {
        str_print(limit, sizeof(limit), "%lld", (long long)options_int(r->o, "limit"));
        remote_query(r, "limit", str_from(limit));
    }
    return remote_call(r, "GET", remote_target(r), STR_NONE, answer);
}

static void print_symbol(const struct json *s, int indent)
{
    struct str signature = json_text(s, "signature");
    (void)printf("%*s", indent, "");
    term_str(TERM_PLAIN, json_text(s, "path"));
    term_print(TERM_DIM, ":%lld:%lld ", (long long)number_of(s, "line"), (long long)number_of(s, "col"));
    term_str(TERM_CYAN, json_text(s, "kind"));
    (void)putchar(' ');
    term_str(TERM_BOLD, json_text(s, "qualified_name"));
    if (signature.n) {
        (void)putchar(' ');
        term_str(TERM_DIM, signature);
    }
    (void)putchar('\n');
}

static int run_query(const struct options *o, const char *query, const char *parameter,
                     void (*print)(const struct json *answer))
{
    struct remote r;
    const struct json *answer = NULL;
    int code = remote_open(&r, o);
    if (!code) {
        code = ask(&r, query, parameter, options_arg(o, 0), &answer);
    }
    if (!code && options_flag(o, "json")) {
        remote_print_json(answer);
    } else if (!code) {
        print(answer);
    }
    remote_close(&r);
    return code;
}

static void print_symbols(const struct json *answer)
{
    int64_t shown = 0;
    for (const struct json *s = first_of(answer, "symbols"); s; s = s->next, shown++) {
        print_symbol(s, 0);
    }
    int64_t total = number_of(answer, "total");
    if (total > shown) {
        term_print(TERM_DIM, "%lld of %lld; more with --limit\n", (long long)shown, (long long)total);
    }
}

int cmd_sym(const struct options *o)
{
    return run_query(o, "symbols", "q", print_symbols);
}

static void print_outline(const struct json *answer)
{
    for (const struct json *s = first_of(answer, "symbols"); s; s = s->next) {
        print_symbol(s, 2 * (int)number_of(s, "depth"));
    }
}

int cmd_outline(const struct options *o)
{
    return run_query(o, "outline", "file", print_outline);
}

static void print_deps(const struct json *answer)
{
    for (const struct json *f = first_of(answer, "files"); f; f = f->next) {
        term_print(TERM_DIM, "%2lld ", (long long)number_of(f, "distance"));
        term_str(TERM_PLAIN, json_text(f, "path"));
        (void)putchar('\n');
    }
}

int cmd_deps(const struct options *o)
{
    return run_query(o, "deps", "file", print_deps);
}

/* A circle on a line, closed with the file it began with. */
static void print_cycles(const struct json *answer)
{
    for (const struct json *c = first_of(answer, "cycles"); c; c = c->next) {
        for (const struct json *f = c->first; f; f = f->next) {
            term_str(TERM_PLAIN, f->s);
            term_print(TERM_DIM, " -> ");
        }
        term_str(TERM_DIM, c->first ? c->first->s : STR(""));
        (void)putchar('\n');
    }
    (void)printf("%lld circles of files that import each other\n", (long long)number_of(answer, "total"));
}

int cmd_cycles(const struct options *o)
{
    return run_query(o, "cycles", NULL, print_cycles);
}

static void print_files(const struct json *answer)
{
    static const char *const columns[] = {"status", "symbols", "size", "path", NULL};
    struct term_table *t = term_table_new(columns);
    for (const struct json *f = first_of(answer, "files"); f; f = f->next) {
        struct str status = json_text(f, "status");
        struct str reason = json_text(f, "reason");
        char text[64];
        str_print(text, sizeof(text), "%.*s%s%.*s", STR_ARG(status), reason.n ? ": " : "", STR_ARG(reason));
        term_cell(t, str_eq(status, STR("failed")) ? TERM_RED : TERM_PLAIN, str_from(text));
        term_cell_int(t, number_of(f, "symbols"));
        term_cell(t, TERM_PLAIN, str_from(term_bytes(number_of(f, "bytes")).s));
        term_cell(t, TERM_PLAIN, json_text(f, "path"));
    }
    term_table_end(t);
}

int cmd_files(const struct options *o)
{
    return run_query(o, "files", NULL, print_files);
}
