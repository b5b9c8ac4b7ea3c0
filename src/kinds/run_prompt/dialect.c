/* dialect.c: the table, and what the shapes have in common. */
#include "kinds/run_prompt/dialect.h"

static const struct dialect *const dialects[] = {&dialect_openai, &dialect_anthropic};

const struct dialect *dialect_find(struct str name)
{
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        if (str_eq(name, str_from(dialects[i]->name))) {
            return dialects[i];
        }
    }
    return NULL;
}

static bool is_left_out(const struct question *q, struct str name)
{
    for (size_t i = 0; i < q->dropped_count; i++) {
        if (str_eq(name, q->dropped[i])) {
            return true;
        }
    }
    bool is_tokens = str_eq(name, STR("max_tokens")) || str_eq(name, STR("max_completion_tokens"));
    return is_tokens && (q->max_tokens || q->uses_completion_tokens);
}

void dialect_write_params(const struct question *q, struct json_out *w)
{
    char name[PROMPT_PARAM_MAX_BYTES + 1];
    for (const struct json *p = q->args->params ? q->args->params->first : NULL; p; p = p->next) {
        if (!is_left_out(q, p->name)) {
            str_copy(name, sizeof name, p->name);
            json_put_raw(w, name, p->raw);
        }
    }
}

struct str dialect_system_text(const struct question *q, bool with_schema, struct arena *a)
{
    struct str own = q->args->system_text;
    if (!q->args->schema || !with_schema) {
        return own;
    }
    return arena_printf(a,
                        "%.*s%sAnswer with one JSON value and nothing else: no words before or behind it, no "
                        "code fence. It must keep to this JSON Schema:\n%.*s",
                        STR_ARG(own), own.n ? "\n\n" : "", STR_ARG(q->args->schema->raw));
}

void dialect_read_end(const struct json *answer, const char *input_name, const char *output_name,
                      struct reply *out)
{
    const struct json *usage = json_get(answer, STR("usage"));
    out->model = dialect_text(answer, "model");
    out->id = dialect_text(answer, "id");
    out->input_tokens = dialect_count(usage, input_name);
    out->output_tokens = dialect_count(usage, output_name);
}

/* OpenAI's and Anthropic's words, and those of servers that speak like them. */
enum finish dialect_finish(struct str reason)
{
    static const struct {
        const char *word;
        enum finish means;
    } words[] = {{"", FINISH_STOP},
                 {"stop", FINISH_STOP},
                 {"end_turn", FINISH_STOP},
                 {"stop_sequence", FINISH_STOP},
                 {"tool_use", FINISH_STOP},
                 {"eos", FINISH_STOP},
                 {"eos_token", FINISH_STOP},
                 {"complete", FINISH_STOP},
                 {"length", FINISH_LENGTH},
                 {"max_tokens", FINISH_LENGTH},
                 {"model_length", FINISH_FULL},
                 {"model_context_window_exceeded", FINISH_FULL},
                 {"content_filter", FINISH_REFUSED},
                 {"refusal", FINISH_REFUSED},
                 {"safety", FINISH_REFUSED}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_eq_nocase(reason, str_from(words[i].word))) {
            return words[i].means;
        }
    }
    return FINISH_UNKNOWN;
}

struct str dialect_text(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_STRING ? v->s : STR("");
}

int64_t dialect_count(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_INT && v->i >= 0 ? v->i : -1;
}
