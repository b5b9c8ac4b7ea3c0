/* run_prompt.c: the way of a run-prompt job:
 *
 *   ask      with the schema in the API if the model can, else in words (ask.c climbs down and remembers)
 *   finish   cut off: once more with twice the room, then `truncated`, never repaired; refused: final, and no error
 *   read     in the parse process: the value out of the text, repairs told, checked against the original schema
 *   correct  once: the faults go back to the model; then `invalid_output`
 *
 * A provider that says "later" frees the worker: the job comes back without having used an attempt. A job that names the limit key of
 * its provider pauses it for all that do. */
#include "kinds/run_prompt/run_prompt.h"

#include "kinds/run_prompt/abilities.h"
#include "kinds/run_prompt/ask.h"
#include "kinds/run_prompt/reading.h"
#include "kinds/run_prompt/spending.h"
#include "kinds/run_prompt/strict_schema.h"

#define CALLS_MAX            16
#define PARSE_MS             10000
#define TOKENS_WHEN_UNSAID   1024
#define RAW_MAX_BYTES        (512 << 10) /* in the result, which holds the value too */
#define CHECKPOINT_MAX_BYTES (60 << 10)  /* of 64 KiB */
#define RATE_WAIT_MAX_MS     3600000

struct run {
    struct attempt *at;
    struct arena *a;
    struct prompt_args args;
    struct provider provider;
    struct strict_schema strict;
    struct ask ask;
    struct reply reply;
    struct reading reading;
    struct spending spending;
    int64_t input_tokens, output_tokens; /* of all calls */
    bool has_more_room, is_corrected;
};

static struct fetcher *fetcher; /* one a process: keeps its connections */

/* ---- set-up */

static enum rc find_provider(struct run *r, struct err *e)
{
    struct str path = attempt_option(r->at, "providers");
    if (!path.n) {
        return err_set_code(e, RC_INVALID, "unknown_provider", "provider",
                            "provider: this worker knows none; start it with --providers FILE");
    }
    enum rc rc = provider_read(arena_c_str(r->a, path), r->args.provider, r->a, &r->provider, e);
    if (rc) {
        return rc;
    }
    r->ask.dialect = dialect_find(r->provider.dialect);
    if (r->provider.secret.n && !attempt_secret(r->at, r->provider.secret, &r->ask.key)) {
        return err_set_code(e, RC_NOT_FOUND, "unknown_secret", NULL,
                            "provider %.*s: there is no secret called %.*s", STR_ARG(r->args.provider),
                            STR_ARG(r->provider.secret));
    }
    return RC_OK;
}

static void set_up_question(struct run *r)
{
    struct question *q = &r->ask.q;
    *q = (struct question){.args = &r->args,
                           .mode = r->args.schema ? r->provider.structured : STRUCTURED_NONE,
                           .messages = r->args.messages};
    if (r->args.schema) {
        r->strict = strict_schema_make(r->args.schema, r->a);
        q->schema = r->strict.text;
        q->is_strict = !r->strict.rule;
    }
    abilities_recall(q, r->a);
    fetcher = fetcher ? fetcher : fetcher_new("stint/" STINT_VERSION);
    r->ask.fetcher = fetcher;
    r->ask.provider = &r->provider;
    r->ask.job = attempt_job(r->at);
    r->ask.a = r->a;
}

/* ---- the result */

static void write_cost(struct run *r, struct json_out *w)
{
    const struct json *price = json_get(r->provider.prices, r->args.model);
    const struct json *in = json_get(price, STR("input"));
    const struct json *out = json_get(price, STR("output"));
    json_name(w, "usage");
    json_object_begin(w);
    json_put_int(w, "input_tokens", r->input_tokens);
    json_put_int(w, "output_tokens", r->output_tokens);
    json_object_end(w);
    if (in && out) {
        json_put_real(w, "cost_usd",
                      (in->d * (double)r->input_tokens + out->d * (double)r->output_tokens) / 1e6);
    }
}

static void complete(struct run *r, const char *outcome)
{
    struct buf text = BUF_LIMIT(1 << 20);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    json_put_c(&w, "outcome", outcome);
    json_put_str(&w, "provider", r->args.provider);
    json_put_str(&w, "model", r->args.model);
    if (r->args.prompt_id.n) {
        json_put_str(&w, "prompt_id", r->args.prompt_id);
    }
    if (r->args.run) {
        json_put_int(&w, "run", r->args.run);
    }
    json_put_str(&w, "model_returned", r->reply.model);
    json_put_str(&w, "request_id", r->reply.id);
    json_put_c(&w, "mode", structured_name(r->ask.q.mode));
    json_put_str(&w, "finish_reason", r->reply.finish_reason);
    json_put_int(&w, "calls", r->ask.calls);
    json_put_int(&w, "latency_ms", r->ask.latency_ms);
    write_cost(r, &w);
    json_put_str(&w, "raw", str_sub(r->reply.text, 0, RAW_MAX_BYTES));
    json_put_raw(&w, "parsed", r->reading.value);
    json_put_raw(&w, "repairs", r->reading.repairs);
    json_put_raw(&w, "mentions", r->reading.mentions);
    json_put_raw(&w, "citations", r->reading.citations);
    json_object_end(&w);
    if (text.overflowed) {
        attempt_fail(r->at, ERROR_PERMANENT, "too_large", "the answer is too big for a result");
    } else {
        attempt_complete(r->at, buf_str(&text));
    }
    buf_dispose(&text);
}

/* Says what was wrong with an answer, and keeps the answer itself in the job's stream. */
static void reject(struct run *r, const char *code, const char *why)
{
    struct buf event = BUF_LIMIT(60 << 10);
    struct json_out w = json_writer(&event);
    json_object_begin(&w);
    json_put_c(&w, "code", code);
    json_put_str(&w, "finish_reason", r->reply.finish_reason);
    json_put_str(&w, "raw", str_sub(r->reply.text, 0, 8 << 10));
    json_put_raw(&w, "faults", r->reading.faults);
    json_object_end(&w);
    if (!event.overflowed) {
        attempt_event(r->at, "answer_rejected", buf_str(&event));
    }
    buf_dispose(&event);
    attempt_fail(r->at, ERROR_PERMANENT, code, "%s", why);
}

/* ---- steps; true: the job has ended */

/* The room that the answer had; 0 = nobody said. */
static int64_t room_of(const struct run *r)
{
    int64_t asked = dialect_count(r->args.params, "max_tokens");
    asked = asked > 0 ? asked : dialect_count(r->args.params, "max_completion_tokens");
    asked = asked > 0 ? asked : r->ask.dialect->max_tokens;
    return asked > 0 ? asked : r->reply.output_tokens;
}

/* An answer that was cut off is asked for once more, with twice the room, when there is more. */
static bool take_truncated(struct run *r)
{
    int64_t room = room_of(r);
    if (r->has_more_room) {
        reject(r, "truncated", "the answer was cut off, also with twice the room");
        return true;
    }
    if (r->reply.finish == FINISH_FULL) {
        reject(r, "truncated", "the answer was cut off where the model has no more room");
        return true;
    }
    if (room >= r->args.max_tokens_cap) {
        reject(r, "truncated", "the answer was cut off, and max_tokens_cap leaves it no more room");
        return true;
    }
    room = 2 * (room > 0 ? room : TOKENS_WHEN_UNSAID);
    r->has_more_room = true;
    r->ask.q.max_tokens = room > r->args.max_tokens_cap ? r->args.max_tokens_cap : room;
    return false;
}

static enum rc read_reply(struct run *r, struct err *e)
{
    struct buf request = BUF_LIMIT(16 << 20);
    struct buf answer = BUF_LIMIT(16 << 20);
    bool is_strict = r->args.schema && r->ask.q.mode == STRUCTURED_SCHEMA && r->ask.q.is_strict;
    reading_ask(&r->args, r->reply.text, is_strict, &request);
    enum rc rc = attempt_parse(r->at, 0, buf_str(&request), PARSE_MS, &answer, e);
    rc = rc ? rc : reading_take(arena_str(r->a, buf_str(&answer)), r->a, &r->reading, e);
    buf_dispose(&request);
    buf_dispose(&answer);
    return rc;
}

/* The conversation so far, with the answer and its faults. */
static struct str correction(struct run *r)
{
    struct buf text = BUF_LIMIT(4 << 20);
    struct json_out w = json_writer(&text);
    json_array_begin(&w);
    json_raw(&w, str_trim(str_sub(r->args.messages, 1, r->args.messages.n - 1)));
    json_object_begin(&w);
    json_put_c(&w, "role", "assistant");
    json_put_str(&w, "content", r->reply.text);
    json_object_end(&w);
    json_object_begin(&w);
    json_put_c(&w, "role", "user");
    json_put_str(&w, "content",
                 arena_printf(r->a,
                              "That does not keep to the schema. What is wrong, each with its JSON "
                              "Pointer:\n%.*s\nAnswer again, with the whole JSON value and nothing else.",
                              STR_ARG(r->reading.faults)));
    json_object_end(&w);
    json_array_end(&w);
    struct str copy = text.overflowed ? r->args.messages : arena_str(r->a, buf_str(&text));
    buf_dispose(&text);
    return copy;
}

static bool take_invalid(struct run *r)
{
    if (r->is_corrected) {
        reject(r, "invalid_output", "the answer does not keep to the schema, also after a correction");
        return true;
    }
    r->is_corrected = true;
    r->ask.q.messages = correction(r);
    attempt_event(r->at, "answer_corrected", r->reading.faults);
    return false;
}

/* It cost tokens, but it is no answer: one without a text would lower every rate. */
static void take_nothing(struct run *r)
{
    struct str end = str_sub(r->reply.finish_reason, 0, 100);
    attempt_fail(r->at, ERROR_TRANSIENT, "bad_answer", "the answer %s; its finish_reason is \"%.*s\"",
                 r->reply.finish == FINISH_UNKNOWN ? "ended in a way that is not known" : "has no text",
                 STR_ARG(end));
}

static bool take_reply(struct run *r)
{
    struct err e = {.rc = RC_OK};
    r->input_tokens += r->reply.input_tokens > 0 ? r->reply.input_tokens : 0;
    r->output_tokens += r->reply.output_tokens > 0 ? r->reply.output_tokens : 0;
    r->reading = (struct reading){.is_valid = false};
    if (r->reply.finish == FINISH_LENGTH || r->reply.finish == FINISH_FULL) {
        return take_truncated(r);
    }
    if (r->reply.finish == FINISH_REFUSED) {
        complete(r, "refused");
        return true;
    }
    if (r->reply.finish == FINISH_UNKNOWN || !str_trim(r->reply.text).n) {
        take_nothing(r);
        return true;
    }
    if (read_reply(r, &e)) {
        r->reading.faults = STR("[]");
        reject(r, "unreadable", e.text);
        return true;
    }
    if (!r->reading.is_valid) {
        return take_invalid(r);
    }
    complete(r, "answered");
    return true;
}

/* ---- an answer that is to be mended, over the time until the provider may be asked */

/* Kept when the job comes back: how often it was told to, and for one more call what those before it said, else they would be made,
 * and paid, again. */
static void save_turn(struct run *r)
{
    struct buf text = BUF_LIMIT(CHECKPOINT_MAX_BYTES);
    struct json_out w = json_writer(&text);
    bool has_begun = r->is_corrected || r->has_more_room;
    json_object_begin(&w);
    json_put_int(&w, "waits", r->ask.waits);
    if (has_begun) {
        json_put_raw(&w, "messages", r->ask.q.messages);
        json_put_int(&w, "max_tokens", r->ask.q.max_tokens);
        json_put_bool(&w, "corrected", r->is_corrected);
        json_put_bool(&w, "more_room", r->has_more_room);
        json_put_int(&w, "calls", r->ask.calls);
        json_put_int(&w, "input_tokens", r->input_tokens);
        json_put_int(&w, "output_tokens", r->output_tokens);
    }
    json_object_end(&w);
    if (!text.overflowed && (has_begun || r->ask.waits)) {
        attempt_checkpoint_save(r->at, buf_str(&text));
    }
    buf_dispose(&text);
}

static bool flag_of(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->i;
}

static void restore_turn(struct run *r)
{
    struct json *o = NULL;
    struct str text = attempt_checkpoint(r->at);
    if (!text.n || json_parse(text, r->a, &o, NULL)) {
        return;
    }
    int64_t waits = dialect_count(o, "waits");
    r->ask.waits = waits > 0 && waits < INT16_MAX ? (int)waits : 0;
    if (!json_get(o, STR("messages"))) {
        return;
    }
    r->ask.q.messages = json_get(o, STR("messages"))->raw;
    r->ask.q.max_tokens = dialect_count(o, "max_tokens");
    r->is_corrected = flag_of(o, "corrected");
    r->has_more_room = flag_of(o, "more_room");
    r->ask.calls = (int)dialect_count(o, "calls");
    r->input_tokens = dialect_count(o, "input_tokens");
    r->output_tokens = dialect_count(o, "output_tokens");
}

static void come_back(struct run *r, const struct ask_failure *f)
{
    struct str key = r->spending.calls_key;
    const char *message = arena_c_str(r->a, f->message);
    save_turn(r);
    if (!key.n) {
        attempt_fail_after(r->at, f->retry_after_ms, f->code, message);
        return;
    }
    attempt_fail_pausing(r->at, key, f->is_for_people ? -1 : f->retry_after_ms, f->code, message);
}

/* May the provider be asked (once more)? False: the job has ended for now. */
static bool may_call(struct run *r)
{
    int64_t wait_ms = 0;
    switch (spending_take(&r->spending, &wait_ms)) {
    case SPENDING_GRANTED:
        return true;
    case SPENDING_LATER:
        save_turn(r);
        attempt_fail_after(r->at, wait_ms < RATE_WAIT_MAX_MS ? wait_ms : RATE_WAIT_MAX_MS, "rate_limited",
                           "the limits of the provider have no room for one more call now");
        return false;
    case SPENDING_OVER:
        break;
    }
    attempt_fail(r->at, ERROR_PERMANENT, "budget_spent", "the budget of the batch is spent");
    return false;
}

static void run_calls(struct run *r)
{
    struct ask_failure failure;
    for (int i = 0; i < CALLS_MAX && !attempt_is_cancelled(r->at); i++) {
        if (!may_call(r)) {
            return;
        }
        enum ask_next next = ask_once(&r->ask, &r->reply, &failure);
        spending_settle(&r->spending, next == ASK_ANSWERED ? &r->reply : NULL);
        switch (next) {
        case ASK_ANSWERED:
            if (take_reply(r)) {
                return;
            }
            break;
        case ASK_AGAIN:
            abilities_remember(&r->ask.q);
            break;
        case ASK_LATER:
            come_back(r, &failure);
            return;
        case ASK_FAILED:
            attempt_fail(r->at, failure.class, failure.code, "%.*s", STR_ARG(failure.message));
            return;
        }
    }
    attempt_fail(r->at, ERROR_TRANSIENT, "interrupted", "the job was stopped between two calls");
}

static enum rc run(struct attempt *at, struct err *e)
{
    struct run r = {.at = at, .a = attempt_arena(at)};
    enum rc rc = prompt_args_read(attempt_args(at), r.a, &r.args, e);
    rc = rc ? rc : find_provider(&r, e);
    if (rc) {
        return rc;
    }
    set_up_question(&r);
    restore_turn(&r);
    spending_begin(&r.spending, at, &r.args, &r.provider);
    run_calls(&r);
    return RC_OK;
}

const struct handler run_prompt_handler = {
    .kind = "run-prompt",
    .run = run,
    .parse = reading_answer,
    .limits = spending_limits,
    .needs = "providers",
    .is_folderless = true,
    .help = "ask a language model, validate and search its answer",
};
