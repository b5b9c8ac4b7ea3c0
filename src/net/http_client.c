/* http_client.c: the pool of a client: its connections, and the calls that wait for one. */
#include "net/client_private.h"

#define CONNECTIONS_DEFAULT 64

/* "host", "host:port", "[v6]:port" */
static bool read_authority(struct http_client *c, struct str a)
{
    struct str host, port = STR_NONE;
    int64_t number = 80;

    if (a.n > 0 && a.p[0] == '[') {
        size_t end = str_find_char(a, ']', 0);
        host = str_sub(a, 1, end);
        if (end == a.n || (end + 1 < a.n && a.p[end + 1] != ':')) {
            return false;
        }
        port = end + 1 < a.n ? str_sub(a, end + 2, a.n) : STR_NONE;
    } else {
        host = str_cut(a, ':', &port);
    }
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] <= ' ' || host.p[i] == '@' || host.p[i] >= 0x7f || host.p[i] == '"') {
            return false;
        }
    }
    if (host.n == 0 || host.n > 253 || (port.p && !str_to_i64(port, &number)) || number < 1 ||
        number > 65535) {
        return false;
    }
    c->port = (int)number;
    c->host = mem_c_str(host);
    c->host_header = mem_c_str(a);
    return true;
}

static enum rc read_url(struct http_client *c, struct str url, struct err *e)
{
    if (url.n >= 8 && str_eq_nocase(str_sub(url, 0, 8), STR("https://"))) {
        return err_set(e, RC_INVALID,
                       "https:// is not spoken yet: use http://, with a TLS proxy in between if need be");
    }
    if (url.n < 8 || !str_eq_nocase(str_sub(url, 0, 7), STR("http://"))) {
        return err_set(e, RC_INVALID, "not a URL of a server: %.*s (want http://host:port)",
                       (int)(url.n < 100 ? url.n : 100), url.p);
    }
    size_t slash = str_find_char(url, '/', 7);
    struct str prefix = str_sub(url, slash, url.n);
    while (prefix.n > 0 && prefix.p[prefix.n - 1] == '/') {
        prefix.n--;
    }
    for (size_t i = 0; i < prefix.n; i++) {
        if (prefix.p[i] <= ' ' || prefix.p[i] == '?' || prefix.p[i] == '#' || prefix.p[i] >= 0x7f) {
            return err_set(e, RC_INVALID, "the path of a server's URL has no query and no blanks");
        }
    }
    if (!read_authority(c, str_sub(url, 7, slash))) {
        return err_set(e, RC_INVALID, "not a host and port: %.*s", (int)(slash - 7 < 100 ? slash - 7 : 100),
                       url.p + 7);
    }
    c->prefix = mem_c_str(prefix);
    return RC_OK;
}

static void free_memory(struct http_client *c)
{
    mem_free(c->host);
    mem_free(c->host_header);
    mem_free(c->prefix);
    mem_free(c);
}

/* Gives lines to waiting calls. At the end of a round, so that starting many calls is one batch, and so that nothing is
 * ever told from inside http_call_start. */
static void run_pump(struct loop_task *t)
{
    struct http_client *c = LOOP_OWNER(t, struct http_client, pump);

    c->is_pump_due = false;
    while (!c->is_freed && c->waiting &&
           (c->waiting->failed || c->idle || c->line_count < c->options.connections)) {
        struct http_call *call = c->waiting;
        client_unwait(c, call);
        if (call->failed) {
            c->is_pump_due = true; /* on_done may free the client: it must leave the memory to us */
            call_finish(call, call->failed);
            c->is_pump_due = false;
        } else {
            line_take(c->idle ? c->idle : line_new(c), call);
        }
    }
    if (c->is_freed && !c->is_pump_due) { /* else it was asked for again meanwhile: the next run frees */
        free_memory(c);
    }
}

void client_pump_later(struct http_client *c)
{
    if (!c->is_pump_due) {
        c->is_pump_due = true;
        loop_later(c->loop, &c->pump);
    }
}

void client_wait(struct http_client *c, struct http_call *call, bool first)
{
    if (first) {
        call->next_waiting = c->waiting;
        c->waiting = call;
        if (!call->next_waiting) {
            c->waiting_end = &call->next_waiting;
        }
    } else {
        call->next_waiting = NULL;
        *c->waiting_end = call;
        c->waiting_end = &call->next_waiting;
    }
    client_pump_later(c);
}

void client_unwait(struct http_client *c, struct http_call *call)
{
    for (struct http_call **at = &c->waiting; *at; at = &(*at)->next_waiting) {
        if (*at == call) {
            *at = call->next_waiting;
            if (!*at) {
                c->waiting_end = at;
            }
            return;
        }
    }
}

enum rc http_client_new(struct loop *l, const struct http_client_options *o, struct http_client **out,
                        struct err *e)
{
    struct http_client *c = mem_alloc(sizeof *c);

    enum rc rc = read_url(c, o->url, e);
    if (rc) {
        free_memory(c);
        return rc;
    }
    c->loop = l;
    c->options = *o;
    c->options.url = STR_NONE;
    c->options.connections = o->connections ? o->connections : CONNECTIONS_DEFAULT;
    c->options.connect_ms = o->connect_ms ? o->connect_ms : 5000;
    c->options.idle_ms = o->idle_ms ? o->idle_ms : 60000;
    c->options.head_bytes = o->head_bytes ? o->head_bytes : 16384;
    c->waiting_end = &c->waiting;
    c->pump.run = run_pump;
    *out = c;
    return RC_OK;
}

void http_client_free(struct http_client *c)
{
    if (!c) {
        return;
    }
    while (c->calls) {
        http_call_cancel(c->calls);
    }
    while (c->lines) {
        line_close(c->lines);
    }
    c->is_freed = true;
    if (!c->is_pump_due) {
        free_memory(c);
    }
}
