/* dialect_openai.c: chat completions, as OpenAI made them and most others speak them. */
#include "kinds/run_prompt/dialect.h"

static void write_system(const struct question *q, struct json_out *w)
{
    struct arena *a = arena_new();
    struct str text = dialect_system_text(q, q->mode != STRUCTURED_SCHEMA, a);
    if (text.n) {
        json_object_begin(w);
        json_put_c(w, "role", "system");
        json_put_str(w, "content", text);
        json_object_end(w);
    }
    arena_free(a);
}

static void write_format(const struct question *q, struct json_out *w)
{
    if (!q->args->schema || q->mode == STRUCTURED_NONE) {
        return;
    }
    json_name(w, "response_format");
    json_object_begin(w);
    json_put_c(w, "type", structured_name(q->mode));
    if (q->mode == STRUCTURED_SCHEMA) {
        json_name(w, "json_schema");
        json_object_begin(w);
        json_put_str(w, "name", q->args->schema_name);
        json_put_bool(w, "strict", q->is_strict);
        json_put_raw(w, "schema", q->schema);
        json_object_end(w);
    }
    json_object_end(w);
}

static int64_t tokens_asked(const struct question *q)
{
    int64_t asked = dialect_count(q->args->params, "max_tokens");
    asked = asked > 0 ? asked : dialect_count(q->args->params, "max_completion_tokens");
    return q->max_tokens ? q->max_tokens : asked;
}

static void write(const struct question *q, struct json_out *w)
{
    json_object_begin(w);
    json_put_str(w, "model", q->args->model);
    json_name(w, "messages");
    json_array_begin(w);
    write_system(q, w);
    struct str inside = str_trim(str_sub(q->messages, 1, q->messages.n - 1));
    json_raw(w, inside);
    json_array_end(w);
    dialect_write_params(q, w);
    if ((q->max_tokens || q->uses_completion_tokens) && tokens_asked(q) > 0) {
        json_put_int(w, q->uses_completion_tokens ? "max_completion_tokens" : "max_tokens", tokens_asked(q));
    }
    write_format(q, w);
    json_object_end(w);
}

/* A text, or parts of one, as some servers send it: thoughts among them are not the answer. */
static struct str read_content(const struct json *message, struct arena *a)
{
    const struct json *content = json_get(message, STR("content"));
    if (!content || content->type != JSON_ARRAY) {
        return dialect_text(message, "content");
    }
    struct buf text = BUF_LIMIT(8 << 20);
    for (const struct json *part = content->first; part; part = part->next) {
        struct str type = dialect_text(part, "type");
        if (str_eq(type, STR("text")) || str_eq(type, STR("output_text"))) {
            buf_append_str(&text, dialect_text(part, "text"));
        }
    }
    struct str copy = arena_str(a, buf_str(&text));
    buf_dispose(&text);
    return copy;
}

/* "" = it did not refuse. */
static struct str read_refusal(const struct json *message)
{
    struct str refusal = dialect_text(message, "refusal");
    const struct json *content = json_get(message, STR("content"));
    const struct json *part = content && content->type == JSON_ARRAY ? content->first : NULL;
    for (; part && !refusal.n; part = part->next) {
        refusal = dialect_text(part, "refusal");
    }
    return refusal;
}

static enum rc read(const struct json *answer, struct arena *a, struct reply *out, struct err *e)
{
    const struct json *choices = json_get(answer, STR("choices"));
    const struct json *choice = choices && choices->type == JSON_ARRAY ? choices->first : NULL;
    const struct json *message = json_get(choice, STR("message"));
    if (!message) {
        return err_set_code(e, RC_INVALID, "bad_answer", NULL, "the answer has no choices[0].message");
    }
    struct str refusal = read_refusal(message);
    out->finish_reason = dialect_text(choice, "finish_reason");
    out->text = refusal.n ? refusal : read_content(message, a);
    out->finish = refusal.n ? FINISH_REFUSED : dialect_finish(out->finish_reason);
    dialect_read_end(answer, "prompt_tokens", "completion_tokens", out);
    return RC_OK;
}

const struct dialect dialect_openai = {
    .name = "openai",
    .path = "/chat/completions",
    .key_field = "Authorization",
    .key_prefix = "Bearer ",
    .write = write,
    .read = read,
};
