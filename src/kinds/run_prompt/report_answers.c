/* report_answers.c: lines of responses.jsonl, an answer each, as rows of a table or as what each says of names
 * (kinds/prompt_report.h). */
#include "kinds/prompt_report.h"
#include "kinds/run_prompt/report_text.h"

static const char *const place_members[] = {"prompt", "provider", "model", "run"};
static const char *const mention_members[] = {"name",   "count", "order", "list_rank",
                                              "offset", "form",  "source"};
static const char *const answer_members[] = {"outcome", "mode", "finish_reason", "calls", "latency_ms"};

#define PLACES   (sizeof place_members / sizeof *place_members)
#define MENTIONS (sizeof mention_members / sizeof *mention_members)
#define ANSWERS  (sizeof answer_members / sizeof *answer_members)

static void put_value(struct buf *out, const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    if (v && v->type == JSON_STRING) {
        report_field(out, v->s);
    } else if (v && v->type != JSON_NULL) {
        report_field(out, v->raw);
    }
}

static void put_values(struct buf *out, const struct json *o, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_value(out, o, names[i]);
        buf_append_char(out, ',');
    }
}

/* "fence trailing_comma" */
static void put_words(struct buf *out, const struct json *list, const char *member)
{
    struct buf words = BUF_LIMIT(1 << 20);
    for (const struct json *i = list && list->type == JSON_ARRAY ? list->first : NULL; i; i = i->next) {
        const struct json *count = json_get(i, STR("count"));
        struct str word = member ? json_text(i, member) : i->s;
        if (!count || count->i) {
            buf_append_c(&words, words.n ? "; " : "");
            buf_append_str(&words, word);
        }
    }
    report_field(out, buf_str(&words));
    buf_dispose(&words);
}

/* ---- answers */

static bool says(const struct json *line, struct str name)
{
    for (const struct json *m = report_list(line, "mentions"); m; m = m->next) {
        const struct json *count = json_get(m, STR("count"));
        if (str_eq(json_text(m, "name"), name) && count && count->i) {
            return true;
        }
    }
    return false;
}

static void put_answer_row(const struct json *line, struct buf *out)
{
    const struct json *usage = json_get(line, STR("usage")), *error = json_get(line, STR("error"));
    put_values(out, line, place_members, PLACES);
    put_values(out, line, answer_members, ANSWERS);
    put_value(out, usage, "input_tokens");
    buf_append_char(out, ',');
    put_value(out, usage, "output_tokens");
    buf_append_char(out, ',');
    put_value(out, line, "cost_usd");
    buf_append_char(out, ',');
    put_words(out, json_get(line, STR("repairs")), NULL);
    buf_append_char(out, ',');
    put_words(out, json_get(line, STR("mentions")), "name");
    buf_append_char(out, ',');
    put_value(out, error, "code");
    buf_append_char(out, ',');
    put_value(out, line, "raw");
    buf_append_char(out, ',');
    put_value(out, line, "job");
    buf_append_c(out, "\r\n");
}

/* ---- mentions */

static void put_mention_row(const struct json *line, const struct json *m, struct buf *out)
{
    const struct json *snippet = report_list(m, "snippets");
    put_values(out, line, place_members, PLACES);
    put_values(out, m, mention_members, MENTIONS);
    report_field(out, snippet && snippet->type == JSON_STRING ? snippet->s : STR(""));
    buf_append_char(out, ',');
    put_value(out, line, "job");
    buf_append_c(out, "\r\n");
}

static void put_copied(struct json_out *w, const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    json_put_raw(w, name, v ? v->raw : STR("null"));
}

static void put_mention_line(const struct json *line, const struct json *m, struct buf *out)
{
    struct json_out w = json_writer(out);
    json_object_begin(&w);
    for (size_t i = 0; i < PLACES; i++) {
        put_copied(&w, line, place_members[i]);
    }
    for (size_t i = 0; i < MENTIONS; i++) {
        put_copied(&w, m, mention_members[i]);
    }
    put_copied(&w, m, "snippets");
    put_copied(&w, line, "job");
    json_object_end(&w);
    buf_append_char(out, '\n');
}

static void put_mentions(const struct prompt_table *t, const struct json *line, struct buf *out)
{
    for (const struct json *m = report_list(line, "mentions"); m; m = m->next) {
        const struct json *count = json_get(m, STR("count"));
        if (count && count->i && report_is_wanted(m, t->entity)) {
            (t->is_csv ? put_mention_row : put_mention_line)(line, m, out);
        }
    }
}

/* ---- both */

static void put_names(const char *const *names, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s,", names[i]);
    }
}

void prompt_table_head(const struct prompt_table *t, struct buf *out)
{
    if (!t->is_csv) {
        return;
    }
    put_names(place_members, PLACES, out);
    if (t->is_mentions) {
        put_names(mention_members, MENTIONS, out);
        buf_append_c(out, "snippet,job\r\n");
    } else {
        put_names(answer_members, ANSWERS, out);
        buf_append_c(out, "input_tokens,output_tokens,cost_usd,repairs,names,error,text,job\r\n");
    }
}

void prompt_table_add(const struct prompt_table *t, const struct json *line, struct buf *out)
{
    if (t->is_mentions) {
        put_mentions(t, line, out);
    } else if (t->entity.n && !says(line, t->entity)) {
        return;
    } else if (t->is_csv) {
        put_answer_row(line, out);
    } else {
        buf_append_str(out, line->raw);
        buf_append_char(out, '\n');
    }
}
