/* provider.c: the file of providers (prompt_args.h). */
#include "base/buf.h"
#include "kinds/run_prompt/prompt_args.h"

#define FILE_MAX_BYTES     (1 << 20)
#define TIMEOUT_DEFAULT_MS 60000

static const char *const members[] = {"base_url",  "secret", "dialect", "structured",
                                      "timeout_s", "prices", NULL};
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
    out->dialect = STR("openai");
    out->prices = json_get(o, STR("prices"));
    enum rc rc = json_only(o, members, e);
    rc = rc ? rc : json_get_str(o, "base_url", &out->base_url, e);
    rc = rc ? rc : json_get_str(o, "secret", &out->secret, e);
    rc = rc ? rc : json_get_str(o, "dialect", &out->dialect, e);
    rc = rc ? rc : json_get_int(o, "timeout_s", 1, 3600, &timeout_s, e);
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
    out->base_url.n -= str_ends(out->base_url, STR("/"));
    out->timeout_ms = timeout_s * 1000;
    return RC_OK;
}

enum rc provider_read(const char *path, struct str name, struct arena *a, struct provider *out, struct err *e)
{
    struct buf text = BUF_LIMIT(FILE_MAX_BYTES);
    struct json *file = NULL;
    *out = (struct provider){.name = name};
    enum rc rc = buf_read_file(&text, path, e);
    rc = rc ? rc : json_parse(arena_str(a, buf_str(&text)), a, &file, e);
    buf_dispose(&text);
    if (rc) {
        return err_wrap(e, RC_INVALID, "the file of providers, %s", path);
    }
    const struct json *member = json_get(file, name);
    if (!member) {
        return err_set_code(e, RC_NOT_FOUND, "unknown_provider", "provider",
                            "provider: there is no %.*s in %s", STR_ARG(name), path);
    }
    return read_member(path, member, out, e);
}
