/* cmd_keys.c: stint keys: API keys of a store that no server holds: how the first key comes to be. It opens the store itself, so
 * it takes the same lock as a server and refuses while one runs. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/command.h"
#include "crypto/api_key.h"
#include "store/store.h"

static const struct {
    const char *name;
    unsigned bit;
} scopes[] = {{"enqueue", SCOPE_ENQUEUE}, {"read", SCOPE_READ}, {"work", SCOPE_WORK}, {"admin", SCOPE_ADMIN}};

#define SCOPES (sizeof scopes / sizeof scopes[0])

static enum rc parse_scopes(struct str text, unsigned *out, struct err *e)
{
    unsigned bits = 0;

    while (text.n > 0) {
        const struct str word = str_trim(str_cut(text, ',', &text));
        size_t i = 0;

        while (i < SCOPES && !str_eq(str_from(scopes[i].name), word)) {
            i++;
        }
        if (i == SCOPES) {
            return err_set(e, RC_INVALID, "--scopes: '%.*s' is none of enqueue, read, work, admin",
                           STR_ARG(word));
        }
        bits |= scopes[i].bit;
    }
    *out = bits;
    return bits ? RC_OK : err_set(e, RC_INVALID, "--scopes: a key that may do nothing");
}

/* "mail,reports" → ["mail","reports"]; "" stays "". */
static enum rc queues_json(struct str text, struct arena *a, struct str *out, struct err *e)
{
    struct buf json = BUF_LIMIT(64 << 10);
    struct json_out w = json_writer(&json);
    enum rc rc = RC_OK;

    json_array_begin(&w);
    while (!rc && text.n > 0) {
        const struct str word = str_trim(str_cut(text, ',', &text));

        json_str(&w, word);
        if (!str_is_name(word)) {
            rc = err_set(e, RC_INVALID, "--queues: '%.*s' is no name of a queue", STR_ARG(word));
        }
    }
    json_array_end(&w);
    if (!rc) {
        *out = json.n > sizeof "[]" - 1 ? arena_str(a, buf_str(&json)) : STR("");
    }
    buf_dispose(&json);
    return rc;
}

static void print_new_key(const struct options *o, const struct api_key_text *k, const struct api_key *key)
{
    if (!options_flag(o, "json")) {
        (void)printf("%s\n", k->text);
        (void)fprintf(stderr, "Key %s of tenant %.*s. It is not shown again.\n", k->public_id,
                      STR_ARG(key->tenant_name));
        return;
    }
    struct buf text = BUF_LIMIT(4096);
    struct json_out w = json_writer(&text);

    json_object_begin(&w);
    json_put_c(&w, "id", k->public_id);
    json_put_c(&w, "key", k->text);
    json_put_str(&w, "tenant", key->tenant_name);
    json_object_end(&w);
    (void)printf("%s\n", buf_c_str(&text));
    buf_dispose(&text);
}

static enum rc create(const struct options *o, struct store *s, struct arena *a, struct err *e)
{
    struct store_create_key c;
    struct api_key_text k;

    store_init(&c.op, sizeof c, STORE_CREATE_KEY, a);
    enum rc rc = parse_scopes(options_str(o, "scopes"), &c.key.scopes, e);

    rc = rc ? rc : queues_json(options_str(o, "queues"), a, &c.key.queues, e);
    c.key.tenant_name = options_str(o, "tenant");
    c.key.name = options_str(o, "name");
    if (!rc && !str_is_name(c.key.tenant_name)) {
        rc = err_set(e, RC_INVALID, "--tenant: '%s' is no name", c.key.tenant_name.p);
    }
    if (rc) {
        return rc;
    }
    api_key_make(&k);
    c.key.public_id = arena_str(a, str_from(k.public_id));
    c.key.last4 = arena_str(a, str_from(k.last4));
    memcpy(c.key.hash, k.sha256, sizeof k.sha256);
    const int64_t good_ms = options_int(o, "expires");

    c.key.expires_at = good_ms == INT64_MAX ? 0 : store_now(s) + good_ms;
    rc = store_run(s, &c.op, e);
    if (!rc) {
        print_new_key(o, &k, &c.key);
    }
    api_key_wipe(&k);
    return rc;
}

static void scopes_text(unsigned bits, char out[64])
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < SCOPES; i++) {
        if (bits & scopes[i].bit) {
            n += str_print(out + n, 64 - n, "%s%s", n ? "," : "", scopes[i].name);
        }
    }
}

static void print_key_json(const struct api_key *k)
{
    struct buf text = BUF_LIMIT(64 << 10);
    struct json_out w = json_writer(&text);
    char list[64];

    scopes_text(k->scopes, list);
    json_object_begin(&w);
    json_put_str(&w, "id", k->public_id);
    json_put_str(&w, "tenant", k->tenant_name);
    json_put_str(&w, "name", k->name);
    json_put_str(&w, "last4", k->last4);
    json_put_c(&w, "scopes", list);
    json_put_raw(&w, "queues", k->queues);
    json_put_time(&w, "created_at", k->created_at);
    json_put_time(&w, "expires_at", k->expires_at);
    json_put_time(&w, "revoked_at", k->revoked_at);
    json_object_end(&w);
    (void)printf("%s\n", buf_c_str(&text));
    buf_dispose(&text);
}

static void print_key_line(const struct api_key *k)
{
    char list[64];

    scopes_text(k->scopes, list);
    (void)printf("%-9.*s %-16.*s %-24s …%.*s %s %s%.*s\n", STR_ARG(k->public_id), STR_ARG(k->tenant_name),
                 list, STR_ARG(k->last4), time_text(k->created_at).s, k->revoked_at ? "revoked " : "",
                 STR_ARG(k->name));
}

static enum rc list(const struct options *o, struct store *s, struct arena *a, struct err *e)
{
    struct store_list_keys l;

    store_init(&l.op, sizeof l, STORE_LIST_KEYS, a);
    enum rc rc = store_run(s, &l.op, e);

    for (size_t i = 0; !rc && i < l.count; i++) {
        if (options_flag(o, "json")) {
            print_key_json(&l.keys[i]);
        } else {
            print_key_line(&l.keys[i]);
        }
    }
    return rc;
}

static enum rc revoke(const struct options *o, struct store *s, struct arena *a, struct err *e)
{
    struct store_revoke_key r;

    store_init(&r.op, sizeof r, STORE_REVOKE_KEY, a);
    r.public_id = options_arg(o, 1);
    if (r.public_id.n == 0) {
        return err_set(e, RC_INVALID, "revoke wants the ID of a key (stint keys ls)");
    }
    return store_run(s, &r.op, e);
}

static const struct {
    const char *name;
    enum rc (*run)(const struct options *o, struct store *s, struct arena *a, struct err *e);
    size_t arguments;
} verbs[] = {{"create", create, 1}, {"ls", list, 1}, {"revoke", revoke, 2}};

#define VERBS (sizeof verbs / sizeof verbs[0])

int cmd_keys(const struct options *o)
{
    struct err e = {0};
    struct store *s = NULL;
    struct arena *a = NULL;
    size_t i = 0;

    while (i < VERBS && !str_eq(str_from(verbs[i].name), options_arg(o, 0))) {
        i++;
    }
    if (i == VERBS || options_arg_count(o) > verbs[i].arguments) {
        return command_fail(o, EXIT_USAGE, "say create, ls, or revoke ID");
    }
    enum rc rc = store_open(&s, options_str(o, "store").p, NULL, &e);

    if (rc) {
        goto out;
    }
    a = arena_new();
    rc = verbs[i].run(o, s, a, &e);
out:
    arena_free(a);
    store_close(s);
    return rc ? command_fail(o, command_exit_code(rc), "%s", e.text) : EXIT_OK;
}
