/* dialect_anthropic.c: Anthropic's Messages API. A schema is the input of a tool that the model has to use. */
#include "kinds/run_prompt/dialect.h"

#define MAX_TOKENS_DEFAULT 4096 /* the API wants to be told */

static void write_tool(const struct question *q, struct json_out *w)
{
    json_name(w, "tools");
    json_array_begin(w);
    json_object_begin(w);
    json_put_str(w, "name", q->args->schema_name);
    json_put_c(w, "description", "Gives the answer.");
    json_put_raw(w, "input_schema", q->schema);
    json_object_end(w);
    json_array_end(w);
    json_name(w, "tool_choice");
    json_object_begin(w);
    json_put_c(w, "type", "tool");
    json_put_str(w, "name", q->args->schema_name);
    json_object_end(w);
}

static void write(const struct question *q, struct json_out *w)
{
    struct arena *a = arena_new();
    bool with_tool = q->args->schema && q->mode == STRUCTURED_SCHEMA;
    struct str system_text = dialect_system_text(q, !with_tool, a);
    int64_t asked = dialect_count(q->args->params, "max_tokens");
    json_object_begin(w);
    json_put_str(w, "model", q->args->model);
    if (system_text.n) {
        json_put_str(w, "system", system_text);
    }
    json_put_raw(w, "messages", q->messages);
    dialect_write_params(q, w);
    if (q->max_tokens || asked <= 0) {
        json_put_int(w, "max_tokens", q->max_tokens ? q->max_tokens : MAX_TOKENS_DEFAULT);
    }
    if (with_tool) {
        write_tool(q, w);
    }
    json_object_end(w);
    arena_free(a);
}

static struct str read_content(const struct json *blocks, struct arena *a)
{
    struct buf text = BUF_LIMIT(8 << 20);
    for (const struct json *b = blocks ? blocks->first : NULL; b; b = b->next) {
        const struct json *input = json_get(b, STR("input"));
        if (input && str_eq(dialect_text(b, "type"), STR("tool_use"))) {
            buf_dispose(&text);
            return input->raw; /* what was asked for; words beside it are not the answer */
        }
        buf_append_str(&text, dialect_text(b, "text"));
    }
    struct str copy = arena_str(a, buf_str(&text));
    buf_dispose(&text);
    return copy;
}

static enum rc read(const struct json *answer, struct arena *a, struct reply *out, struct err *e)
{
    const struct json *content = json_get(answer, STR("content"));
    if (!content || content->type != JSON_ARRAY) {
        return err_set_code(e, RC_INVALID, "bad_answer", NULL, "the answer has no content");
    }
    out->finish_reason = dialect_text(answer, "stop_reason");
    out->text = read_content(content, a);
    out->finish = dialect_finish(out->finish_reason);
    dialect_read_end(answer, "input_tokens", "output_tokens", out);
    return RC_OK;
}

const struct dialect dialect_anthropic = {
    .name = "anthropic",
    .path = "/v1/messages",
    .key_field = "x-api-key",
    .key_prefix = "",
    .extra_field = "anthropic-version",
    .extra_value = "2023-06-01",
    .max_tokens = MAX_TOKENS_DEFAULT,
    .write = write,
    .read = read,
};
