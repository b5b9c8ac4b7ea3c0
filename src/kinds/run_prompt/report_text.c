/* report_text.c: report.json for people: Markdown and CSV (kinds/prompt_report.h). */
#include <string.h>

#include "kinds/prompt_report.h"
#include "kinds/run_prompt/report_text.h"
#include "kinds/run_prompt/tally.h"

#define DOMAINS_SHOWN  20
#define FAILURES_SHOWN 10

const struct json *report_list(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_ARRAY ? v->first : NULL;
}

static bool is_number(const struct json *v)
{
    return v && (v->type == JSON_INT || v->type == JSON_REAL);
}

void report_number(struct buf *out, const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    buf_append_str(out, is_number(v) ? v->raw : STR("–"));
}

void report_percent(struct buf *out, const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    if (is_number(v)) {
        buf_printf(out, "%.1f %%", v->d * 100);
    } else {
        buf_append_c(out, "–");
    }
}

double report_share(const struct json *row)
{
    const struct json *answers = json_get(row, STR("answers")), *mentioned = json_get(row, STR("mentioned"));
    const struct json *rate = json_get(row, STR("rate"));
    bool has_counts = is_number(answers) && is_number(mentioned) && answers->d > 0;
    return has_counts ? mentioned->d / answers->d : is_number(rate) ? rate->d : 0;
}

void report_rate(struct buf *out, const struct json *row)
{
    if (is_number(json_get(row, STR("rate")))) {
        buf_printf(out, "%.1f %%", report_share(row) * 100);
    } else {
        buf_append_c(out, "–");
    }
}

void report_interval(struct buf *out, const struct json *o)
{
    if (!is_number(json_get(o, STR("rate")))) { /* of no answers it is all that there can be */
        buf_append_c(out, "–");
        return;
    }
    report_percent(out, o, "low");
    buf_append_c(out, " to ");
    report_percent(out, o, "high");
}

static void put_decimals(struct buf *out, const struct json *v, int decimals)
{
    if (is_number(v)) {
        buf_printf(out, "%.*f", decimals, v->d);
    } else {
        buf_append_c(out, "–");
    }
}

void report_cell(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c && strchr("|\\<`[]", c)) {
            buf_append_char(out, '\\');
        }
        unsigned char next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;
        bool is_c1 = c == 0xc2 && next >= 0x80 && next < 0xa0; /* a control character of two bytes */
        buf_append_char(out, c < 0x20 || c == 0x7f || is_c1 ? ' ' : s.p[i]);
        i += is_c1;
    }
}

bool report_is_wanted(const struct json *entity, struct str wanted)
{
    return !wanted.n || str_eq(json_text(entity, "name"), wanted);
}

bool prompt_report_knows(const struct json *report, struct str entity)
{
    for (const struct json *i = report_list(report, "entities"); i; i = i->next) {
        if (report_is_wanted(i, entity)) {
            return true;
        }
    }
    return false;
}

/* ---- Markdown */

/* "580 succeeded, 5 refused": those that are there. */
static void put_outcomes(struct buf *out, const struct json *group)
{
    const char *between = "";
    for (int i = 0; i < TALLY_OUTCOMES; i++) {
        const struct json *n = json_get(json_get(group, STR("outcomes")), str_from(tally_outcome_names[i]));
        if (is_number(n) && n->i) {
            buf_printf(out, "%s%lld %s", between, (long long)n->i, tally_outcome_names[i]);
            between = ", ";
        }
    }
}

static void put_budget(struct buf *out, const struct json *report)
{
    const struct json *budget = json_get(report, STR("budget"));
    const struct json *over = json_get(budget, STR("exceeded")),
                      *blind = json_get(budget, STR("without_price"));
    bool is_over = over && over->i;
    if (budget && budget->type == JSON_OBJECT) {
        buf_printf(out, "\nThe budget was %s", is_over ? "**exceeded**" : "kept");
        if (!is_over && is_number(blind) && blind->i) {
            buf_printf(out, ", as far as prices are known: %lld answers have none", (long long)blind->i);
        }
        buf_append_c(out, ".\n");
    }
}

static void put_head(struct buf *out, const struct json *report)
{
    const struct json *tokens = json_get(report, STR("tokens"));
    const struct json *cost = json_get(report, STR("cost_usd"));
    const struct json *anew = json_get(report, STR("reextracted"));
    buf_append_c(out, "# ");
    report_cell(out, json_text(report, "name"));
    buf_append_c(out, ", ");
    report_cell(out, json_text(report, "date"));
    buf_append_c(out, "\n\n");
    report_number(out, report, "jobs");
    buf_append_c(out, " of ");
    report_number(out, report, "expected");
    buf_append_c(out, " jobs: ");
    put_outcomes(out, report);
    buf_append_c(out, ". ");
    report_number(out, report, "calls");
    buf_append_c(out, " calls, ");
    report_number(out, tokens, "input");
    buf_append_c(out, " tokens in and ");
    report_number(out, tokens, "output");
    buf_append_c(out, " out");
    if (is_number(cost)) {
        buf_append_c(out, ", ");
        put_decimals(out, cost, 4);
        buf_append_c(out, " USD");
    }
    buf_printf(out, ".%s\n",
               anew && anew->i ? " Names were looked for anew in the answers that were kept." : "");
    put_budget(out, report);
}

static void put_models(struct buf *out, const struct json *report)
{
    static const char *const numbers[] = {"jobs", "calls", "repaired"};
    buf_append_c(out, "\n## Models\n\n| provider | model | jobs | calls | repaired | tokens in | out | USD | "
                      "ms | outcomes |\n"
                      "|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n");
    for (const struct json *m = report_list(report, "models"); m; m = m->next) {
        const struct json *tokens = json_get(m, STR("tokens"));
        const struct json *ms = json_get(m, STR("latency_ms"));
        buf_append_c(out, "| ");
        report_cell(out, json_text(m, "provider"));
        buf_append_c(out, " | ");
        report_cell(out, json_text(m, "model"));
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            buf_append_c(out, " | ");
            report_number(out, m, numbers[i]);
        }
        buf_append_c(out, " | ");
        report_number(out, tokens, "input");
        buf_append_c(out, " | ");
        report_number(out, tokens, "output");
        buf_append_c(out, " | ");
        put_decimals(out, json_get(m, STR("cost_usd")), 4);
        buf_append_c(out, " | ");
        put_decimals(out, ms, 0);
        buf_append_c(out, " | ");
        put_outcomes(out, m);
        buf_append_c(out, " |\n");
    }
}

static void put_rate(struct buf *out, struct str name, const struct json *row)
{
    buf_append_c(out, "| ");
    report_cell(out, name);
    buf_append_c(out, " | ");
    report_cell(out, json_text(row, "provider"));
    buf_append_c(out, " | ");
    report_cell(out, json_text(row, "model"));
    buf_append_c(out, " | ");
    report_number(out, row, "mentioned");
    buf_append_c(out, " of ");
    report_number(out, row, "answers");
    buf_append_c(out, " | ");
    report_rate(out, row);
    buf_append_c(out, " | ");
    report_interval(out, row);
    buf_append_c(out, " | ");
    put_decimals(out, json_get(row, STR("mean_position")), 2);
    buf_append_c(out, " | ");
    report_percent(out, row, "share_of_voice");
    buf_append_c(out, " |\n");
}

static void put_entities(struct buf *out, const struct json *report, struct str wanted)
{
    if (!report_list(report, "entities")) {
        return;
    }
    buf_append_c(out, "\n## Names\n\n| name | provider | model | mentioned in | rate | 95 % | mean position "
                      "| share of voice |\n"
                      "|---|---|---|--:|--:|---|--:|--:|\n");
    for (const struct json *i = report_list(report, "entities"); i; i = i->next) {
        if (!report_is_wanted(i, wanted)) {
            continue;
        }
        put_rate(out, json_text(i, "name"), i);
        for (const struct json *m = report_list(i, "models"); m && report_list(i, "models")->next;
             m = m->next) {
            put_rate(out, json_text(i, "name"), m);
        }
    }
}

static void put_citations(struct buf *out, const struct json *report, struct str wanted)
{
    int shown = 0;
    for (const struct json *c = report_list(report, "citations"); c && shown < DOMAINS_SHOWN; c = c->next) {
        if (wanted.n && !str_eq(json_text(c, "entity"), wanted)) {
            continue;
        }
        buf_append_c(out,
                     shown++ ? ""
                             : "\n## Citations\n\n| domain | of | times | in answers |\n|---|---|--:|--:|\n");
        buf_append_c(out, "| ");
        report_cell(out, json_text(c, "domain"));
        buf_append_c(out, " | ");
        report_cell(out, json_text(c, "entity"));
        buf_append_c(out, " | ");
        report_number(out, c, "count");
        buf_append_c(out, " | ");
        report_number(out, c, "answers");
        buf_append_c(out, " |\n");
    }
}

static void put_failures(struct buf *out, const struct json *report)
{
    int shown = 0;
    for (const struct json *f = report_list(report, "failures"); f && shown < FAILURES_SHOWN; f = f->next) {
        buf_append_c(out,
                     shown++ ? "" : "\n## Failures\n\n| code | jobs | the first one said |\n|---|--:|---|\n");
        buf_append_c(out, "| ");
        report_cell(out, json_text(f, "code"));
        buf_append_c(out, " | ");
        report_number(out, f, "count");
        buf_append_c(out, " | ");
        report_cell(out, json_text(f, "example"));
        buf_append_c(out, " |\n");
    }
}

void prompt_report_markdown(const struct json *report, struct str entity, struct buf *out)
{
    put_head(out, report);
    put_models(out, report);
    put_entities(out, report, entity);
    put_citations(out, report, entity);
    put_failures(out, report);
}

/* ---- CSV */

/* What a model wrote, or whoever names what is looked for, is no formula of whoever opens the table. */
static void put_quote(struct buf *out, struct str s)
{
    buf_append_c(out, s.n && strchr("=+-@\t\r", s.p[0]) ? "'" : "");
}

void report_field(struct buf *out, struct str s)
{
    bool is_plain = str_find_char(s, '"', 0) == s.n && str_find_char(s, ',', 0) == s.n &&
                    str_find_char(s, '\n', 0) == s.n && str_find_char(s, '\r', 0) == s.n;
    if (is_plain) {
        put_quote(out, s);
        buf_append_str(out, s);
        return;
    }
    buf_append_char(out, '"');
    put_quote(out, s);
    for (size_t i = 0; i < s.n; i++) {
        buf_append_c(out, s.p[i] == '"' ? "\"" : "");
        buf_append_char(out, s.p[i]);
    }
    buf_append_char(out, '"');
}

static const char *const columns[] = {"answers", "mentioned",     "rate",           "low",
                                      "high",    "mean_position", "share_of_voice", "mentions"};

static void put_row(struct buf *out, struct str name, const struct json *row)
{
    report_field(out, name);
    buf_append_char(out, ',');
    report_field(out, json_text(row, "provider"));
    buf_append_char(out, ',');
    report_field(out, json_text(row, "model"));
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const struct json *v = json_get(row, str_from(columns[i]));
        buf_append_char(out, ',');
        buf_append_str(out, is_number(v) ? v->raw : STR(""));
    }
    buf_append_c(out, "\r\n");
}

void prompt_report_csv(const struct json *report, struct str entity, struct buf *out)
{
    buf_append_c(out, "entity,provider,model");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        buf_printf(out, ",%s", columns[i]);
    }
    buf_append_c(out, "\r\n");
    for (const struct json *i = report_list(report, "entities"); i; i = i->next) {
        if (!report_is_wanted(i, entity)) {
            continue;
        }
        put_row(out, json_text(i, "name"), i);
        for (const struct json *m = report_list(i, "models"); m; m = m->next) {
            put_row(out, json_text(i, "name"), m);
        }
    }
}
