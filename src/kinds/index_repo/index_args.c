/* index_args.c: see index_args.h. */
#include "kinds/index_repo/index_args.h"

#include "base/json.h"

#define MAX_PATTERNS      100
#define MAX_PATTERN_BYTES 1024

static const char *const members[] = {
    "repo",           "ref",       "secret",         "include",         "exclude",    "languages",
    "max_file_bytes", "max_files", "max_repo_bytes", "clone_timeout_s", "submodules", "keep_indexes",
    "force",          NULL};

static enum rc invalid(struct err *e, const char *field, const char *why)
{
    return err_set_code(e, RC_INVALID, "invalid_input", field, "%s: %s", field, why);
}

/* An absent member leaves *count 0. */
static enum rc read_list(const struct json *o, const char *name, struct arena *a, const struct str **out,
                         size_t *count, struct err *e)
{
    const struct json *list = json_get(o, str_from(name));
    if (!list || list->type == JSON_NULL) {
        return RC_OK;
    }
    if (list->type != JSON_ARRAY || list->count > MAX_PATTERNS) {
        return invalid(e, name, "a list of at most 100 texts");
    }
    struct str *texts = arena_array(a, struct str, list->count + 1);
    size_t n = 0;
    for (const struct json *i = list->first; i; i = i->next) {
        if (i->type != JSON_STRING || i->s.n == 0 || i->s.n > MAX_PATTERN_BYTES) {
            return invalid(e, name, "a list of texts of at most 1024 bytes");
        }
        texts[n++] = i->s;
    }
    *out = texts;
    *count = n;
    return RC_OK;
}

static enum rc read_languages(const struct json *o, struct arena *a, struct discover_options *d,
                              struct err *e)
{
    const struct str *names = NULL;
    size_t count = 0;
    enum rc rc = read_list(o, "languages", a, &names, &count, e);
    for (size_t i = 0; i < count && !rc; i++) {
        enum code_lang lang;
        if (!code_lang_parse(names[i], &lang)) {
            return invalid(e, "languages", "typescript, tsx, javascript, python or c");
        }
        d->languages[lang] = true;
    }
    return rc;
}

static enum rc read_numbers(const struct json *o, struct index_args *out, struct err *e)
{
    int64_t timeout_s = 600;
    out->discover.max_file_bytes = 1 << 20;
    out->max_files = 50000;
    out->max_repo_bytes = INT64_C(2) << 30;
    out->keep_indexes = 3;
    enum rc rc = json_get_int(o, "max_file_bytes", 1, 16 << 20, &out->discover.max_file_bytes, e);
    rc = rc ? rc : json_get_int(o, "max_files", 1, 500000, &out->max_files, e);
    rc = rc ? rc : json_get_int(o, "max_repo_bytes", 1 << 16, INT64_C(4) << 30, &out->max_repo_bytes, e);
    rc = rc ? rc : json_get_int(o, "keep_indexes", 1, 100, &out->keep_indexes, e);
    rc = rc ? rc : json_get_int(o, "clone_timeout_s", 1, 86400, &timeout_s, e);
    out->clone_timeout_ms = timeout_s * 1000;
    return rc;
}

static struct str hash_options(const struct index_args *x, struct arena *a)
{
    struct buf text = BUF_LIMIT(1 << 20);
    for (size_t i = 0; i < x->discover.include_count; i++) {
        buf_printf(&text, "+%.*s\n", STR_ARG(x->discover.include[i]));
    }
    for (size_t i = 0; i < x->discover.exclude_count; i++) {
        buf_printf(&text, "-%.*s\n", STR_ARG(x->discover.exclude[i]));
    }
    for (int l = 0; l < CODE_LANG_COUNT; l++) {
        buf_append_char(&text, x->discover.languages[l] ? '1' : '0');
    }
    buf_printf(&text, " %lld", (long long)x->discover.max_file_bytes);
    struct str out = arena_printf(a, "%016llx", (unsigned long long)str_hash(buf_str(&text)));
    buf_dispose(&text);
    return out;
}

enum rc index_args_read(struct str args, struct arena *a, struct index_args *out, struct err *e)
{
    struct json *o = NULL;
    struct index_args x = {.ref = STR("HEAD")};
    bool submodules = false;
    enum rc rc = json_parse(args, a, &o, e);
    if (!rc && o->type != JSON_OBJECT) {
        return invalid(e, "args", "an object with the member repo");
    }
    rc = rc ? rc : json_only(o, members, e);
    rc = rc ? rc : json_get_str(o, "repo", &x.repo, e);
    rc = rc ? rc : json_get_str(o, "ref", &x.ref, e);
    rc = rc ? rc : json_get_str(o, "secret", &x.secret_name, e);
    rc = rc ? rc : json_get_bool(o, "force", &x.force, e);
    rc = rc ? rc : json_get_bool(o, "submodules", &submodules, e);
    rc = rc ? rc : read_list(o, "include", a, &x.discover.include, &x.discover.include_count, e);
    rc = rc ? rc : read_list(o, "exclude", a, &x.discover.exclude, &x.discover.exclude_count, e);
    rc = rc ? rc : read_languages(o, a, &x.discover, e);
    rc = rc ? rc : read_numbers(o, &x, e);
    if (!rc && x.repo.n == 0) {
        rc = invalid(e, "repo", "the address or path of a git repository is needed");
    } else if (!rc && submodules) {
        rc = invalid(e, "submodules", "submodules cannot be followed yet");
    } else if (!rc && x.secret_name.n > 0 && !str_is_name(x.secret_name)) {
        rc = invalid(e, "secret", "the name of a secret, never the secret itself");
    }
    if (rc) {
        return e ? err_set_code(e, RC_INVALID, "invalid_input", e->field[0] ? e->field : NULL, "%s", e->text)
                 : rc;
    }
    x.ref = x.ref.n > 0 ? x.ref : STR("HEAD");
    x.options_hash = hash_options(&x, a);
    *out = x;
    return RC_OK;
}
