/* report_compare.c: two reports side by side (kinds/prompt_report.h). */
#include <math.h>

#include "kinds/prompt_report.h"
#include "kinds/run_prompt/report_text.h"

static const char *const side_members[] = {"answers", "mentioned",     "rate",          "low",
                                           "high",    "mean_position", "share_of_voice"};
static const char *const head_members[] = {"name", "date", "batch", "jobs", "outcomes", "cost_usd"};

static void put_members(struct json_out *w, const struct json *o, const char *const *names, size_t count)
{
    if (!o) {
        json_null(w);
        return;
    }
    json_object_begin(w);
    for (size_t i = 0; i < count; i++) {
        const struct json *v = json_get(o, str_from(names[i]));
        json_put_raw(w, names[i], v ? v->raw : STR("null"));
    }
    json_object_end(w);
}

static const struct json *number(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && (v->type == JSON_INT || v->type == JSON_REAL) ? v : NULL;
}

static void put_rounded(struct json_out *w, const char *name, double value)
{
    json_put_real(w, name, round(value * 1e4) / 1e4);
}

/* The 95 % interval of a difference of two rates, from those of the rates (Newcombe 1998, method 10): intervals may overlap and the
 * difference still be more than chance. */
static void put_change(struct json_out *w, const struct json *a, const struct json *b)
{
    const struct json *from = number(a, "rate"), *to = number(b, "rate");
    const struct json *low_a = number(a, "low"), *high_a = number(a, "high");
    const struct json *low_b = number(b, "low"), *high_b = number(b, "high");
    if (!from || !to || !low_a || !high_a || !low_b || !high_b) {
        static const char *const unknown[] = {"change", "change_low", "change_high", "changed"};
        for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
            json_put_c(w, unknown[i], NULL);
        }
        return;
    }
    double p = report_share(a), q = report_share(b);
    double low = q - p - hypot(q - low_b->d, high_a->d - p);
    double high = q - p + hypot(high_b->d - q, p - low_a->d);
    put_rounded(w, "change", q - p);
    put_rounded(w, "change_low", low);
    put_rounded(w, "change_high", high);
    json_put_bool(w, "changed", low > 0 || high < 0);
}

static void put_pair(struct json_out *w, struct str name, const struct json *a, const struct json *b)
{
    const struct json *some = a ? a : b;
    json_object_begin(w);
    json_put_str(w, "name", name);
    json_put_str(w, "provider", json_text(some, "provider"));
    json_put_str(w, "model", json_text(some, "model"));
    json_name(w, "a");
    put_members(w, a, side_members, sizeof side_members / sizeof *side_members);
    json_name(w, "b");
    put_members(w, b, side_members, sizeof side_members / sizeof *side_members);
    put_change(w, a, b);
    json_object_end(w);
}

static const struct json *named(const struct json *first, struct str name)
{
    while (first && !str_eq(json_text(first, "name"), name)) {
        first = first->next;
    }
    return first;
}

static const struct json *same_model(const struct json *first, const struct json *model)
{
    while (first && !(str_eq(json_text(first, "provider"), json_text(model, "provider")) &&
                      str_eq(json_text(first, "model"), json_text(model, "model")))) {
        first = first->next;
    }
    return first;
}

static void put_entity(struct json_out *w, const struct json *a, const struct json *b)
{
    struct str name = json_text(a ? a : b, "name");
    put_pair(w, name, a, b);
    for (const struct json *m = report_list(a, "models"); m; m = m->next) {
        put_pair(w, name, m, same_model(report_list(b, "models"), m));
    }
    for (const struct json *m = report_list(b, "models"); m; m = m->next) {
        if (!same_model(report_list(a, "models"), m)) {
            put_pair(w, name, NULL, m);
        }
    }
}

void prompt_report_compare(const struct json *a, const struct json *b, struct str entity, struct buf *out)
{
    struct json_out w = json_writer(out);
    const struct json *in_a = report_list(a, "entities"), *in_b = report_list(b, "entities");
    json_object_begin(&w);
    json_name(&w, "a");
    put_members(&w, a, head_members, sizeof head_members / sizeof *head_members);
    json_name(&w, "b");
    put_members(&w, b, head_members, sizeof head_members / sizeof *head_members);
    json_name(&w, "entities");
    json_array_begin(&w);
    for (const struct json *i = in_a; i; i = i->next) {
        if (report_is_wanted(i, entity)) {
            put_entity(&w, i, named(in_b, json_text(i, "name")));
        }
    }
    for (const struct json *i = in_b; i; i = i->next) {
        if (report_is_wanted(i, entity) && !named(in_a, json_text(i, "name"))) {
            put_entity(&w, NULL, i);
        }
    }
    json_array_end(&w);
    json_object_end(&w);
}

/* ---- for people */

static void put_side(struct buf *out, const struct json *side)
{
    buf_append_c(out, " | ");
    report_rate(out, side);
    if (number(side, "rate")) {
        buf_append_c(out, " (");
        report_interval(out, side);
        buf_append_c(out, ")");
    }
}

static void put_line(struct buf *out, const struct json *pair)
{
    const struct json *change = number(pair, "change");
    const struct json *low = number(pair, "change_low"), *high = number(pair, "change_high");
    const struct json *changed = json_get(pair, STR("changed"));
    buf_append_c(out, "| ");
    report_cell(out, json_text(pair, "name"));
    buf_append_c(out, " | ");
    report_cell(out, json_text(pair, "provider"));
    buf_append_c(out, " | ");
    report_cell(out, json_text(pair, "model"));
    put_side(out, json_get(pair, STR("a")));
    put_side(out, json_get(pair, STR("b")));
    buf_append_c(out, " | ");
    if (change) {
        double points = report_share(json_get(pair, STR("b"))) - report_share(json_get(pair, STR("a")));
        buf_printf(out, "%+.1f", points * 100);
    }
    if (change && low && high) {
        buf_printf(out, " (%+.1f to %+.1f)", low->d * 100, high->d * 100);
    }
    buf_printf(out, " | %s |\n", !change ? "" : changed && changed->i ? "**changed**" : "may be chance");
}

static void put_day(struct buf *out, const struct json *side)
{
    report_cell(out, json_text(side, "name"));
    buf_append_c(out, " ");
    report_cell(out, json_text(side, "date"));
}

void prompt_compare_markdown(const struct json *comparison, struct buf *out)
{
    const struct json *a = json_get(comparison, STR("a")), *b = json_get(comparison, STR("b"));
    buf_append_c(out, "| name | provider | model | ");
    put_day(out, a);
    buf_append_c(out, " | ");
    put_day(out, b);
    buf_append_c(out, " | points | |\n|---|---|---|---|---|--:|---|\n");
    for (const struct json *i = report_list(comparison, "entities"); i; i = i->next) {
        put_line(out, i);
    }
}
