/* provider.c: the file of providers (prompt_args.h), and whether a definition's are in it (kinds/prompt_batch.h). */
#include "base/buf.h"
#include "base/log.h"
#include "kinds/prompt_batch.h"
#include "kinds/run_prompt/dialect.h"
#include "worker/handler.h"

#define FILE_MAX_BYTES     (1 << 20)
#define TIMEOUT_DEFAULT_MS 60000

#define LIMIT_MAX 100000000

static const char *const members[] = {"base_url",    "secret", "dialect", "structured", "timeout_s", "prices",
                                      "concurrency", "rpm",    "tpm",     "adaptive",   NULL};
static const char *const structured_names[] = {"json_schema", "json_object", "plain"};

const char *structured_name(enum structured s)
{
    return structured_names[s];
}

static enum rc wrong(const char *path, struct str name, const char *why, struct err *e)
{
    return err_set_code(e, RC_INVALID, "invalid_provider", NULL, "%s: provider %.*s: %s", path, STR_ARG(name),
                        why);
}

static enum rc read_structured(const struct json *o, enum structured *out, bool *is_known, struct err *e)
{
    struct str word = STR("auto");
    enum rc rc = json_get_str(o, "structured", &word, e);
    *is_known = str_eq(word, STR("auto"));
    for (int i = STRUCTURED_SCHEMA; i <= STRUCTURED_NONE && !*is_known; i++) {
        *out = (enum structured)i;
        *is_known = str_eq(word, str_from(structured_names[i]));
    }
    return rc;
}

static enum rc read_member(const char *path, const struct json *o, struct provider *out, struct err *e)
{
    int64_t timeout_s = TIMEOUT_DEFAULT_MS / 1000;
    bool is_known = false;
    out->is_adaptive = true;
    out->dialect = STR("openai");
    out->prices = json_get(o, STR("prices"));
    enum rc rc = json_only(o, members, e);
    rc = rc ? rc : json_get_str(o, "base_url", &out->base_url, e);
    rc = rc ? rc : json_get_str(o, "secret", &out->secret, e);
    rc = rc ? rc : json_get_str(o, "dialect", &out->dialect, e);
    rc = rc ? rc : json_get_int(o, "timeout_s", 1, 3600, &timeout_s, e);
    rc = rc ? rc : json_get_int(o, "concurrency", 1, LIMIT_CONCURRENCY_MAX, &out->concurrency, e);
    rc = rc ? rc : json_get_bool(o, "adaptive", &out->is_adaptive, e);
    rc = rc ? rc : json_get_int(o, "rpm", 1, LIMIT_MAX, &out->rpm, e);
    rc = rc ? rc : json_get_int(o, "tpm", 1, LIMIT_MAX, &out->tpm, e);
    rc = rc ? rc : read_structured(o, &out->structured, &is_known, e);
    if (rc) {
        return err_wrap(e, rc, "%s: provider %.*s", path, STR_ARG(out->name));
    }
    if (!is_known) {
        return wrong(path, out->name, "structured is auto, json_schema, json_object or plain", e);
    }
    if (!str_starts(out->base_url, STR("http://")) && !str_starts(out->base_url, STR("https://"))) {
        return wrong(path, out->name, "base_url begins with https:// or http://", e);
    }
    if (!dialect_find(out->dialect)) {
        return wrong(path, out->name, "the dialect is openai or anthropic", e);
    }
    out->base_url.n -= str_ends(out->base_url, STR("/"));
    out->timeout_ms = timeout_s * 1000;
    return RC_OK;
}

static enum rc read_file(const char *path, struct arena *a, struct json **out, struct err *e)
{
    struct buf text = BUF_LIMIT(FILE_MAX_BYTES);
    enum rc rc = buf_read_file(&text, path, e);
    rc = rc ? rc : json_parse(arena_str(a, buf_str(&text)), a, out, e);
    buf_dispose(&text);
    return rc ? err_wrap(e, RC_INVALID, "the file of providers, %s", path) : RC_OK;
}

enum rc provider_read(const char *path, struct str name, struct arena *a, struct provider *out, struct err *e)
{
    struct json *file = NULL;
    *out = (struct provider){.name = name};
    enum rc rc = read_file(path, a, &file, e);
    const struct json *member = rc ? NULL : json_get(file, name);
    if (!rc && !member) {
        return err_set_code(e, RC_NOT_FOUND, "unknown_provider", "provider",
                            "provider: there is no %.*s in %s", STR_ARG(name), path);
    }
    return rc ? rc : read_member(path, member, out, e);
}

enum rc prompt_batch_check_providers(const struct prompt_batch *b, const char *path, struct arena *a,
                                     struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < b->model_count && !rc; i++) {
        struct provider unused;
        rc = provider_read(path, b->models[i].provider, a, &unused, e);
        rc = rc == RC_NOT_FOUND ? err_wrap(e, RC_INVALID, "/models/%zu", i) : rc;
    }
    return rc;
}

enum rc provider_read_all(const char *path, struct arena *a, struct provider **out, size_t *count,
                          struct err *e)
{
    struct json *file = NULL;
    enum rc rc = read_file(path, a, &file, e);
    if (!rc && file->type != JSON_OBJECT) {
        rc = err_set(e, RC_INVALID, "the file of providers, %s, is no object", path);
    }
    struct provider *list = rc ? NULL : arena_array(a, struct provider, file->count + 1);
    size_t n = 0;
    for (const struct json *member = rc ? NULL : file->first; member; member = member->next) {
        struct err why = {0};
        list[n] = (struct provider){.name = member->name};
        if (read_member(path, member, &list[n], &why)) {
            log_warn("worker.provider_wrong", L_STR("provider", member->name), L_C("error", why.text));
        } else {
            n++;
        }
    }
    *out = list;
    *count = n;
    return rc;
}
