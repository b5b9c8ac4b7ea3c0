/* spec.c: what commands send to a server: texts from the command line or standard input, and jobs from options. */
#include "cmd/remote.h"

#define TEXT_MAX_BYTES (4 << 20)

struct str remote_text(const struct remote *r, struct str given, struct str fallback, struct err *e)
{
    struct buf text = BUF_LIMIT(TEXT_MAX_BYTES);
    if (!str_eq(given, STR("-"))) {
        return given.n ? given : fallback;
    }
    enum rc rc = buf_read_fd(&text, 0, e);
    struct str s = rc ? STR_NONE : arena_str(r->a, buf_str(&text));
    buf_dispose(&text);
    return s;
}

void remote_put_text(struct json_out *w, const struct options *o, const char *option, const char *member)
{
    struct str v = options_str(o, option);
    if (v.n) {
        json_put_str(w, member, v);
    }
}

void remote_put_seconds(struct json_out *w, const struct options *o, const char *option, const char *member)
{
    if (options_has(o, option)) {
        json_put_real(w, member, (double)options_int(o, option) / 1000);
    }
}

static void put_int(struct json_out *w, const struct options *o, const char *option, const char *member)
{
    if (options_has(o, option)) {
        json_put_int(w, member, options_int(o, option));
    }
}

void remote_put_list(struct json_out *w, const struct options *o, const char *option, const char *member)
{
    const struct str *list = NULL;
    size_t count = options_list(o, option, &list);
    if (!count) {
        return;
    }
    json_name(w, member);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_str(w, list[i]);
    }
    json_array_end(w);
}

void remote_put_spec(struct json_out *w, const struct options *o, struct str kind, struct str args)
{
    const struct str *queues = NULL;
    json_put_str(w, "kind", kind);
    json_put_raw(w, "args", args);
    if (options_list(o, "queue", &queues)) {
        json_put_str(w, "queue", queues[0]);
    }
    remote_put_list(w, o, "tag", "tags");
    remote_put_list(w, o, "limit-key", "limits");
    remote_put_text(w, o, "group", "group");
    put_int(w, o, "priority", "priority");
    remote_put_seconds(w, o, "delay", "delay_s");
    put_int(w, o, "max-attempts", "max_attempts");
    remote_put_seconds(w, o, "timeout", "timeout_s");
}
