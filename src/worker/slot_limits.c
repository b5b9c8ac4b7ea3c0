/* slot_limits.c: tokens of limit keys that a running job wants, or spent otherwise than was thought. They travel with reports. */
#include "worker/messages.h"
#include "worker/supervisor.h"

/* {key: n, …}; a key that is there already gets n more. */
static void add_tokens(struct slot *s, const struct json *keys, struct report_tokens *list, size_t *count)
{
    for (const struct json *k = keys->first; k; k = k->next) {
        size_t i = 0;
        while (i < *count && !str_eq(list[i].key, k->name)) {
            i++;
        }
        if (i == LIMITS_PER_JOB) {
            return; /* a job has no more keys */
        }
        if (i == *count) {
            list[(*count)++] = (struct report_tokens){arena_str(s->a, k->name), 0};
        }
        list[i].n += k->i;
    }
}

void slot_heard_take(struct slot *s, const struct json *keys)
{
    add_tokens(s, keys, s->take, &s->take_count);
    slot_report_now(s); /* the child waits */
}

void slot_heard_correct(struct slot *s, const struct json *keys)
{
    add_tokens(s, keys, s->correct, &s->correct_count); /* the end, or the next heartbeat, tells it */
}

void slot_put_tokens(struct slot *s, struct report *r)
{
    if (r->op == REPORT_PROGRESS) {
        r->take = s->take;
        r->take_count = s->take_count;
        s->is_take_sent = s->take_count > 0;
    }
    r->correct = s->correct;
    r->correct_count = s->correct_count;
    s->take_count = s->correct_count = 0; /* what the report points at stays until it is written */
}

void slot_answer_take(struct slot *s, int64_t wait_ms, struct str error)
{
    struct buf b = BUF_LIMIT(4096);
    struct json_out w = json_writer(&b);
    if (!s->is_take_sent) {
        return;
    }
    s->is_take_sent = false;
    json_object_begin(&w);
    json_name(&w, "taken");
    json_object_begin(&w);
    json_put_int(&w, "wait_ms", wait_ms);
    if (error.n) {
        json_put_str(&w, "error", error);
    }
    json_object_end(&w);
    json_object_end(&w);
    slot_send(s, &b);
    buf_dispose(&b);
}
