/* pg_dsn.c: see pg_dsn.h. The texts of a DSN may hold the password, also where a careless one puts it: none is repeated. */
#include "db/pg_dsn.h"

#include "db/pg_private.h"

#include <string.h>

#define CONNECT_MAX_S 3600

const char *pg_dsn_value(const PQconninfoOption *options, const char *key)
{
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, key) == 0) {
            return options->val && *options->val ? options->val : NULL;
        }
    }
    return NULL;
}

static enum rc check_dsn(const PQconninfoOption *options, struct err *e)
{
    const char *host = pg_dsn_value(options, "host"), *port = pg_dsn_value(options, "port");
    const char *timeout = pg_dsn_value(options, "connect_timeout");
    int64_t seconds = 0;
    if (host && strchr(host, '@')) {
        return err_set(e, RC_INVALID,
                       "postgresql: the host of the DSN holds '@': write special characters of "
                       "the password as %%40 (@), %%2F (/), %%3A (:)");
    }
    if (port && port[strspn(port, "0123456789,")]) {
        return err_set(e, RC_INVALID,
                       "postgresql: the port of the DSN is no number: write special characters of the "
                       "password as %%40 (@), %%2F (/), %%3A (:)");
    }
    if (timeout && !str_to_i64(str_from(timeout), &seconds)) {
        return err_set(e, RC_INVALID, "postgresql: connect_timeout of the DSN is no number of seconds");
    }
    return RC_OK;
}

enum rc pg_dsn_parse(const char *dsn, PQconninfoOption **out, struct err *e)
{
    char *text = NULL;
    PQconninfoOption *options = PQconninfoParse(dsn, &text);
    if (!options) {
        struct str told = pg_first_line(text);
        bool is_harmless = str_starts(told, STR("invalid URI query parameter")) ||
                           str_starts(told, STR("invalid connection option"));
        enum rc rc = err_set(e, RC_INVALID,
                             "postgresql: the DSN cannot be read%s%.*s; it looks like "
                             "postgresql://user:password@host:5432/database",
                             is_harmless ? ": " : "", is_harmless ? (int)told.n : 0, told.p ? told.p : "");
        PQfreemem(text);
        return rc;
    }
    enum rc rc = check_dsn(options, e);
    if (rc) {
        PQconninfoFree(options);
        return rc;
    }
    *out = options;
    return RC_OK;
}

static size_t list_count(const char *list)
{
    size_t n = 1;
    for (; list && *list; list++) {
        n += *list == ',';
    }
    return list ? n : 0;
}

size_t pg_dsn_hosts(const PQconninfoOption *options)
{
    size_t hosts = list_count(pg_dsn_value(options, "host"));
    size_t addresses = list_count(pg_dsn_value(options, "hostaddr"));
    return hosts > addresses ? hosts : addresses ? addresses : 1;
}

int64_t pg_dsn_connect_ms(const PQconninfoOption *options, int64_t otherwise)
{
    int64_t seconds = 0;
    const char *text = pg_dsn_value(options, "connect_timeout");
    bool is_set = text && str_to_i64(str_from(text), &seconds) && seconds > 0;
    return !is_set ? otherwise : 1000 * (seconds < CONNECT_MAX_S ? seconds : CONNECT_MAX_S);
}

/* The i-th of a list with commas; a list of one stands for all. */
static const char *list_item(struct arena *a, const char *list, size_t i)
{
    struct str rest = str_from(list), item = str_cut(rest, ',', &rest);
    if (!list || list_count(list) == 1) {
        return list;
    }
    while (i-- > 0) {
        item = str_cut(rest, ',', &rest);
    }
    return arena_c_str(a, item.p ? item : STR(""));
}

static void target_add(struct pg_target *t, const char *key, const char *value)
{
    if (value && *value && t->count < PG_TARGET_OPTIONS - 1) {
        t->keys[t->count] = key;
        t->values[t->count] = value;
        t->count++;
    }
}

static const char *target_value(const struct pg_target *t, const char *key)
{
    const char *value = NULL;
    for (int i = 0; i < t->count; i++) {
        value = strcmp(t->keys[i], key) == 0 ? t->values[i] : value;
    }
    return value;
}

/* Which sessions will do is asked by ourselves (ask_session), if the DSN wants what we want anyway: libpq would hang up on a
 * standby before it can say what it knows. */
static bool is_usual_wish(const char *attrs)
{
    return !attrs || strcmp(attrs, "read-write") == 0 || strcmp(attrs, "primary") == 0;
}

/* libpq takes the last of equal keys, so defaults go first. */
void pg_dsn_target(struct arena *a, const PQconninfoOption *options, size_t i, const struct pg_options *o,
                   struct pg_target *t)
{
    *t = (struct pg_target){.any_session = !is_usual_wish(pg_dsn_value(options, "target_session_attrs"))};
    target_add(t, "fallback_application_name", o->name ? o->name : "stint");
    target_add(t, "keepalives_idle", "10");
    target_add(t, "keepalives_interval", "5");
    target_add(t, "keepalives_count", "3");
    target_add(t, "tcp_user_timeout", "30000");
    for (const PQconninfoOption *x = options; x->keyword; x++) {
        bool is_list = strcmp(x->keyword, "host") == 0 || strcmp(x->keyword, "hostaddr") == 0 ||
                       strcmp(x->keyword, "port") == 0;
        bool is_ours = strcmp(x->keyword, "target_session_attrs") == 0 && !t->any_session;
        target_add(t, x->keyword, is_ours ? NULL : is_list ? list_item(a, x->val, i) : x->val);
    }
    target_add(t, "client_encoding", "UTF8");
    t->host = target_value(t, "host");
    t->address = target_value(t, "hostaddr");
    t->port = target_value(t, "port");
}

void pg_target_set_address(struct pg_target *t, const char *address)
{
    target_add(t, "hostaddr", address);
    t->address = address;
}
