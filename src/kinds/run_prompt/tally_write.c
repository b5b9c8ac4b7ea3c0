/* tally_write.c: the tally as members of report.json. */
#include <math.h>
#include <stdlib.h>

#include "kinds/run_prompt/statistics.h"
#include "kinds/run_prompt/tally_private.h"

/* As many digits as say something. */
static void put_share(struct json_out *w, const char *name, double value)
{
    json_put_real(w, name, round(value * 1e4) / 1e4);
}

static void put_quotient(struct json_out *w, const char *name, int64_t part, int64_t whole)
{
    if (whole) {
        put_share(w, name, (double)part / (double)whole);
    } else {
        json_put_c(w, name, NULL);
    }
}

static void put_outcomes(struct json_out *w, const struct tally_group *g)
{
    json_name(w, "outcomes");
    json_object_begin(w);
    for (int i = 0; i < TALLY_OUTCOMES; i++) {
        json_put_int(w, tally_outcome_names[i], g->of[i]);
    }
    json_object_end(w);
}

static int64_t jobs_of(const struct tally_group *g)
{
    int64_t n = 0;
    for (int i = 0; i < TALLY_OUTCOMES; i++) {
        n += g->of[i];
    }
    return n;
}

static void put_group(struct json_out *w, const struct tally_group *g)
{
    json_put_int(w, "jobs", jobs_of(g));
    put_outcomes(w, g);
    json_put_int(w, "calls", g->calls);
    json_put_int(w, "repaired", g->repaired);
    json_name(w, "tokens");
    json_object_begin(w);
    json_put_int(w, "input", g->input_tokens);
    json_put_int(w, "output", g->output_tokens);
    json_object_end(w);
    if (g->priced) {
        json_put_real(w, "cost_usd", round(g->cost_usd * 1e8) / 1e8);
    } else {
        json_put_c(w, "cost_usd", NULL);
    }
    put_quotient(w, "latency_ms", g->latency_ms, g->of[TALLY_SUCCEEDED] + g->of[TALLY_REFUSED]);
}

static void put_name(struct json_out *w, const struct tally_group *g, size_t i)
{
    const struct tally_name *n = &g->names[i];
    int64_t answers = g->of[TALLY_SUCCEEDED];
    struct interval v = wilson(n->answers, answers);
    json_put_int(w, "answers", answers);
    json_put_int(w, "mentioned", n->answers);
    put_quotient(w, "rate", n->answers, answers);
    put_share(w, "low", v.low);
    put_share(w, "high", v.high);
    put_quotient(w, "mean_position", n->places, n->answers);
    put_quotient(w, "share_of_voice", n->mentions, g->mentions);
    json_put_int(w, "mentions", n->mentions);
}

/* ---- in an order that does not depend on who was first */

static int compare_models(const void *one, const void *other)
{
    const struct tally_group *a = one, *b = other;
    int order = str_compare(a->provider, b->provider);
    return order ? order : str_compare(a->model, b->model);
}

static int compare_domains(const void *one, const void *other)
{
    const struct tally_domain *a = one, *b = other;
    return a->count != b->count ? (a->count < b->count ? 1 : -1)
                                : (a->number > b->number) - (a->number < b->number);
}

static void put_model_names(struct json_out *w, const struct tally_group *g)
{
    json_put_str(w, "provider", g->provider);
    json_put_str(w, "model", g->model);
}

static void put_models(const struct tally *t, struct json_out *w)
{
    json_name(w, "models");
    json_array_begin(w);
    for (size_t i = 0; i < t->models.count; i++) {
        json_object_begin(w);
        put_model_names(w, &t->of_model[i]);
        put_group(w, &t->of_model[i]);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_entities(const struct tally *t, struct json_out *w)
{
    json_name(w, "entities");
    json_array_begin(w);
    for (size_t i = 0; i < t->name_count; i++) {
        json_object_begin(w);
        json_put_str(w, "name", t->names[i]);
        put_name(w, &t->all, i);
        json_name(w, "models");
        json_array_begin(w);
        for (size_t m = 0; m < t->models.count; m++) {
            json_object_begin(w);
            put_model_names(w, &t->of_model[m]);
            put_name(w, &t->of_model[m], i);
            json_object_end(w);
        }
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_prompts(const struct tally *t, struct json_out *w)
{
    json_name(w, "prompts");
    json_array_begin(w);
    for (size_t i = 0; i < t->prompts.count; i++) {
        const struct tally_prompt *p = &t->of_prompt[i];
        json_object_begin(w);
        json_put_str(w, "prompt", t->prompts.texts[i]);
        json_put_int(w, "jobs", p->jobs);
        json_put_int(w, "answers", p->answers);
        json_name(w, "mentioned");
        json_array_begin(w);
        for (size_t k = 0; p->mentioned && k < t->name_count; k++) {
            json_int(w, p->mentioned[k]);
        }
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_citations(const struct tally *t, struct json_out *w)
{
    json_put_int(w, "citation_count", t->citations);
    json_put_int(w, "domain_count", (int64_t)t->domains.count);
    json_name(w, "citations");
    json_array_begin(w);
    for (size_t i = 0; i < t->domains.count && i < TALLY_DOMAINS; i++) {
        const struct tally_domain *d = &t->of_domain[i];
        json_object_begin(w);
        json_put_str(w, "domain", t->domains.texts[d->number]);
        json_put_str(w, "entity", d->entity);
        json_put_int(w, "count", d->count);
        json_put_int(w, "answers", d->answers);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_failures(const struct tally *t, struct json_out *w)
{
    json_name(w, "failures");
    json_array_begin(w);
    for (size_t i = 0; i < t->codes.count; i++) {
        json_object_begin(w);
        json_put_str(w, "code", t->codes.texts[i]);
        json_put_int(w, "count", t->of_code[i].count);
        json_put_str(w, "example", t->of_code[i].message);
        json_object_end(w);
    }
    json_array_end(w);
}

static void sort_models(struct tally *t)
{
    if (t->models.count) {
        qsort(t->of_model, t->models.count, sizeof *t->of_model, compare_models);
    }
}

void tally_write_work(struct tally *t, struct json_out *w)
{
    sort_models(t);
    put_group(w, &t->all);
    put_models(t, w);
    put_failures(t, w);
}

void tally_write(struct tally *t, int64_t expected, struct json_out *w)
{
    sort_models(t);
    if (t->domains.count) {
        qsort(t->of_domain, t->domains.count, sizeof *t->of_domain, compare_domains);
    }
    json_put_int(w, "expected", expected);
    put_group(w, &t->all);
    put_models(t, w);
    put_entities(t, w);
    put_prompts(t, w);
    put_citations(t, w);
    put_failures(t, w);
}
