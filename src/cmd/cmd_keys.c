/* cmd_keys.c: stint keys: API keys, made, listed and revoked in one of two ways. In the store itself (--store): how the
 * first key comes to be; it takes the same lock as a server and refuses while one runs. Or through a server (--url or
 * --key), with a key of scope admin. Both make the same JSON, which is printed in one place. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/remote.h"
#include "crypto/api_key.h"
#include "store/store.h"

static const struct {
    const char *name;
    unsigned bit;
} scopes[] = {{"enqueue", SCOPE_ENQUEUE},
              {"read", SCOPE_READ},
              {"work", SCOPE_WORK},
              {"admin", SCOPE_ADMIN},
              {"work_all", SCOPE_WORK_ALL}};

#define SCOPES (sizeof scopes / sizeof scopes[0])

/* The words of a comma-separated list, one after the other; false at the end. */
static bool next_word(struct str *list, struct str *word)
{
    while (list->n > 0) {
        *word = str_trim(str_cut(*list, ',', list));
        if (word->n > 0) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ printing */

static void print_key_line(const struct json *k)
{
    char list[64];
    size_t n = 0;

    list[0] = '\0';
    for (const struct json *s = first_of(k, "scopes"); s; s = s->next) {
        n += str_print(list + n, sizeof list - n, "%s%.*s", n ? "," : "", STR_ARG(s->s));
    }
    (void)printf("%-9.*s %-16.*s %-24s …%.*s %s %s%.*s\n", STR_ARG(json_text(k, "id")),
                 STR_ARG(json_text(k, "tenant")), list, STR_ARG(json_text(k, "last4")),
                 time_text(time_of(k, "created_at")).s, time_of(k, "revoked_at") ? "revoked " : "",
                 STR_ARG(json_text(k, "name")));
}

static void print_keys(const struct options *o, const struct json *answer)
{
    if (options_flag(o, "json")) {
        remote_print_json(answer);
        return;
    }
    for (const struct json *k = first_of(answer, "keys"); k; k = k->next) {
        print_key_line(k);
    }
}

static void print_new_key(const struct options *o, const struct json *k)
{
    const struct str text = json_text(k, "key");

    if (options_flag(o, "json")) {
        remote_print_json(k);
        return;
    }
    (void)printf("%.*s\n", STR_ARG(text));
    (void)fprintf(stderr, "This is key %.*s. It is not shown again.\n", STR_ARG(json_text(k, "id")));
}

static void write_key(struct json_out *w, const struct api_key *k, const char *text)
{
    json_object_begin(w);
    json_put_str(w, "id", k->public_id);
    json_put_str(w, "tenant", k->tenant_name);
    json_put_str(w, "name", k->name);
    json_put_str(w, "last4", k->last4);
    json_name(w, "scopes");
    json_array_begin(w);
    for (size_t i = 0; i < SCOPES; i++) {
        if (k->scopes & scopes[i].bit) {
            json_c(w, scopes[i].name);
        }
    }
    json_array_end(w);
    json_put_raw(w, "queues", k->queues);
    json_put_time(w, "created_at", k->created_at);
    json_put_time(w, "expires_at", k->expires_at);
    json_put_time(w, "revoked_at", k->revoked_at);
    if (text) {
        json_put_c(w, "key", text);
    }
    json_object_end(w);
}

/* ------------------------------------------------------------------ in the store */

static enum rc parse_scopes(struct str list, unsigned *out, struct err *e)
{
    unsigned bits = 0;
    struct str word;

    while (next_word(&list, &word)) {
        size_t i = 0;

        while (i < SCOPES && !str_eq(str_from(scopes[i].name), word)) {
            i++;
        }
        if (i == SCOPES) {
            return err_set(e, RC_INVALID, "--scopes: '%.*s' is none of enqueue, read, work, admin, work_all",
                           STR_ARG(word));
        }
        bits |= scopes[i].bit;
    }
    if (bits & SCOPE_WORK_ALL && bits != SCOPE_WORK_ALL) {
        return err_set(
            e, RC_INVALID,
            "--scopes: a key that works for all tenants does nothing else: give it work_all alone");
    }
    *out = bits;
    return bits ? RC_OK : err_set(e, RC_INVALID, "--scopes: a key that may do nothing");
}

static void write_words(struct json_out *w, struct str list)
{
    struct str word;

    json_array_begin(w);
    while (next_word(&list, &word)) {
        json_str(w, word);
    }
    json_array_end(w);
}

/* "mail,reports" → ["mail","reports"]; "" stays "". */
static enum rc queues_json(struct str list, struct arena *a, struct str *out, struct err *e)
{
    struct buf json = BUF_LIMIT(64 << 10);
    struct json_out w = json_writer(&json);
    struct str rest = list, word;

    while (next_word(&rest, &word)) {
        if (!str_is_name(word)) {
            return err_set(e, RC_INVALID, "--queues: '%.*s' is no name of a queue", STR_ARG(word));
        }
    }
    write_words(&w, list);
    *out = json.n > sizeof "[]" - 1 ? arena_str(a, buf_str(&json)) : STR("");
    buf_dispose(&json);
    return RC_OK;
}

static enum rc read_name(const struct options *o, struct str *out, struct err *e)
{
    *out = options_str(o, "name");
    return str_is_text(*out) ? RC_OK : err_set(e, RC_INVALID, "--name: not UTF-8");
}

struct place { /* what the verbs work with */
    const struct options *o;
    struct store *store;
    struct remote remote;
    struct arena *a;
    struct buf text; /* JSON that is being built */
};

static enum rc parse_own(struct place *p, const struct json **out, struct err *e)
{
    struct json *root = NULL;
    enum rc rc = json_parse(buf_str(&p->text), p->a, &root, e);

    *out = root;
    return rc;
}

static enum rc fill_key(struct place *p, struct api_key *key, const struct api_key_text *k, struct err *e)
{
    const int64_t good_ms = options_int(p->o, "expires");

    key->tenant_name = options_str(p->o, "tenant");
    key->expires_at = good_ms == INT64_MAX ? 0 : store_now(p->store) + good_ms;
    key->public_id = str_from(k->public_id);
    key->last4 = str_from(k->last4);
    memcpy(key->hash, k->sha256, sizeof k->sha256);
    if (!str_is_name(key->tenant_name)) {
        return err_set(e, RC_INVALID, "--tenant: '%s' is no name", key->tenant_name.p);
    }
    enum rc rc = read_name(p->o, &key->name, e);

    rc = rc ? rc : parse_scopes(options_str(p->o, "scopes"), &key->scopes, e);
    if (!rc && key->scopes == SCOPE_WORK_ALL && !str_eq(key->tenant_name, STR("default"))) {
        rc = err_set(e, RC_INVALID,
                     "--tenant: a key for all tenants is the server's, whose tenant is default");
    }
    return rc ? rc : queues_json(options_str(p->o, "queues"), p->a, &key->queues, e);
}

static enum rc store_create(struct place *p, struct err *e)
{
    struct store_create_key c;
    struct api_key_text k;
    const struct json *answer = NULL;

    store_init(&c.op, sizeof c, STORE_CREATE_KEY, p->a);
    api_key_make(&k);
    enum rc rc = fill_key(p, &c.key, &k, e);

    rc = rc ? rc : store_run(p->store, &c.op, e);
    if (!rc) {
        struct json_out w = json_writer(&p->text);

        write_key(&w, &c.key, k.text);
        rc = parse_own(p, &answer, e);
    }
    if (!rc) {
        print_new_key(p->o, answer);
    }
    api_key_wipe(&k);
    return rc;
}

static enum rc store_list(struct place *p, struct err *e)
{
    struct store_list_keys l;
    const struct json *answer = NULL;
    struct json_out w = json_writer(&p->text);

    store_init(&l.op, sizeof l, STORE_LIST_KEYS, p->a);
    enum rc rc = store_run(p->store, &l.op, e);

    if (rc) {
        return rc;
    }
    json_object_begin(&w);
    json_name(&w, "keys");
    json_array_begin(&w);
    for (size_t i = 0; i < l.count; i++) {
        write_key(&w, &l.keys[i], NULL);
    }
    json_array_end(&w);
    json_object_end(&w);
    rc = parse_own(p, &answer, e);
    if (!rc) {
        print_keys(p->o, answer);
    }
    return rc;
}

static enum rc store_revoke(struct place *p, struct err *e)
{
    struct store_revoke_key r;

    store_init(&r.op, sizeof r, STORE_REVOKE_KEY, p->a);
    r.public_id = options_arg(p->o, 1);
    return store_run(p->store, &r.op, e);
}

/* ------------------------------------------------------------------ through a server */

static int remote_create(struct place *p)
{
    const struct json *answer = NULL;
    struct json_out w = json_writer(&p->text);
    const int64_t good_ms = options_int(p->o, "expires");

    json_object_begin(&w);
    if (options_str(p->o, "name").n > 0) {
        json_put_str(&w, "name", options_str(p->o, "name"));
    }
    json_name(&w, "scopes");
    write_words(&w, options_str(p->o, "scopes"));
    json_name(&w, "queues");
    write_words(&w, options_str(p->o, "queues"));
    if (good_ms != INT64_MAX) {
        json_put_real(&w, "expires_s", (double)good_ms / 1000);
    }
    json_object_end(&w);
    const struct str body = {buf_c_str(&p->text), p->text.n};
    int code = remote_call(&p->remote, "POST", STR("/v1/keys"), body, &answer);

    if (!code) {
        print_new_key(p->o, answer);
    }
    return code;
}

static int remote_list(struct place *p)
{
    const struct json *answer = NULL;
    int code = remote_call(&p->remote, "GET", STR("/v1/keys"), STR_NONE, &answer);

    if (!code) {
        print_keys(p->o, answer);
    }
    return code;
}

static int remote_revoke(struct place *p)
{
    remote_path(&p->remote, "/v1/keys/");
    remote_segment(&p->remote, options_arg(p->o, 1));
    return remote_call(&p->remote, "DELETE", remote_target(&p->remote), STR_NONE, NULL);
}

/* ------------------------------------------------------------------ the verbs */

static const struct verb {
    const char *name;
    enum rc (*in_store)(struct place *p, struct err *e);
    int (*in_server)(struct place *p);
    size_t arguments;
} verbs[] = {{"create", store_create, remote_create, 1},
             {"ls", store_list, remote_list, 1},
             {"revoke", store_revoke, remote_revoke, 2}};

#define VERBS (sizeof verbs / sizeof verbs[0])

static int run_in_server(const struct verb *v, struct place *p)
{
    if (options_is_given(p->o, "tenant")) {
        return command_fail(p->o, EXIT_USAGE, "--tenant: a server makes keys of the tenant of --key only");
    }
    int code = remote_open(&p->remote, p->o);

    code = code ? code : v->in_server(p);
    remote_close(&p->remote);
    return code;
}

static int run_in_store(const struct verb *v, struct place *p)
{
    struct err e = {0};
    const struct store_options so = {.unsafe = options_flag(p->o, "store-unsafe")};
    enum rc rc = store_open(&p->store, options_str(p->o, "store").p, &so, &e);

    rc = rc ? rc : v->in_store(p, &e);
    store_close(p->store);
    if (rc == RC_BUSY && e.code && str_eq(str_from(e.code), STR("store_in_use"))) {
        return command_fail(p->o, EXIT_FAILED, "%s; ask that server instead, with --url and --key", e.text);
    }
    return rc ? command_fail(p->o, command_exit_code(rc), "%s", e.text) : EXIT_OK;
}

int cmd_keys(const struct options *o)
{
    size_t i = 0;

    while (i < VERBS && !str_eq(str_from(verbs[i].name), options_arg(o, 0))) {
        i++;
    }
    if (i == VERBS || options_arg_count(o) != verbs[i].arguments) {
        return command_fail(o, EXIT_USAGE, "say create, ls, or revoke ID");
    }
    struct place p = {.o = o, .a = arena_new(), .text = BUF_LIMIT(64 << 20)};
    const bool is_remote =
        !options_is_given(o, "store") && (options_is_given(o, "url") || options_is_given(o, "key"));
    const int code = is_remote ? run_in_server(&verbs[i], &p) : run_in_store(&verbs[i], &p);

    buf_dispose(&p.text);
    arena_free(p.a);
    return code;
}
