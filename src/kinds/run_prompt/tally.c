/* tally.c: see tally.h. An answer is a job that succeeded: rates are over these. */
#include "kinds/run_prompt/tally.h"

#include <stdlib.h>
#include <string.h>

#include "kinds/run_prompt/tally_private.h"

const char *const tally_outcome_names[TALLY_OUTCOMES] = {
    [TALLY_SUCCEEDED] = "succeeded", [TALLY_REFUSED] = "refused", [TALLY_INVALID] = "invalid",
    [TALLY_TRUNCATED] = "truncated", [TALLY_FAILED] = "failed",   [TALLY_CANCELLED] = "cancelled"};

struct str tally_text(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_STRING ? v->s : STR("");
}

int64_t tally_int(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_INT ? v->i : 0;
}

/* ---- making */

static struct str name_of(const struct json *entity)
{
    return entity->type == JSON_STRING ? entity->s : tally_text(entity, "name");
}

struct tally *tally_new(const struct json *names, const struct coordinates *places, struct arena *a)
{
    struct tally *t = arena_alloc(a, sizeof *t);
    *t = (struct tally){.a = a,
                        .places = places ? *places : (struct coordinates){0},
                        .models = words_make(a, TALLY_MODELS_MAX),
                        .prompts = words_make(a, PROMPT_BATCH_MAX_JOBS),
                        .domains = words_make(a, TALLY_DOMAINS_MAX),
                        .codes = words_make(a, TALLY_CODES)};
    size_t most = names && names->type == JSON_ARRAY ? names->count : 0;
    t->names = arena_array(a, struct str, most + 1);
    for (const struct json *i = most ? names->first : NULL; i; i = i->next) {
        t->names[t->name_count++] = arena_str(a, name_of(i));
    }
    t->all.names = arena_array(a, struct tally_name, t->name_count + 1);
    return t;
}

/* The n-th of a list that grows in the arena. */
static void *nth(struct arena *a, void *list, size_t *room, size_t n, size_t item_bytes)
{
    if (n >= *room) {
        size_t room_now = *room ? 2 * *room : 16;
        char *grown = arena_alloc_array(a, item_bytes, room_now);
        if (*room) {
            memcpy(grown, *(void **)list, *room * item_bytes);
        }
        memcpy(list, &grown, sizeof grown);
        *room = room_now;
    }
    return *(char **)list + n * item_bytes;
}

static struct tally_group *model_of(struct tally *t, const struct prompt_coordinate *at)
{
    struct arena *a = arena_new();
    struct str both = arena_printf(a, "%.*s/%.*s", STR_ARG(at->provider), STR_ARG(at->model));
    size_t count = t->models.count;
    size_t n = words_number(&t->models, both);
    arena_free(a);
    if (n == WORDS_NO_ROOM) {
        return NULL;
    }
    struct tally_group *g = nth(t->a, &t->of_model, &t->model_room, n, sizeof *g);
    if (t->models.count > count) {
        *g = (struct tally_group){.provider = arena_str(t->a, at->provider),
                                  .model = arena_str(t->a, at->model),
                                  .names = arena_array(t->a, struct tally_name, t->name_count + 1)};
    }
    return g;
}

static struct tally_prompt *prompt_of(struct tally *t, struct str id)
{
    size_t count = t->prompts.count;
    size_t n = id.n ? words_number(&t->prompts, id) : WORDS_NO_ROOM;
    if (n == WORDS_NO_ROOM) {
        return NULL;
    }
    struct tally_prompt *p = nth(t->a, &t->of_prompt, &t->prompt_room, n, sizeof *p);
    if (t->prompts.count > count) {
        bool has_room = t->prompts.count * (t->name_count + 1) <= TALLY_CELLS_MAX;
        *p = (struct tally_prompt){.mentioned =
                                       has_room ? arena_array(t->a, uint32_t, t->name_count + 1) : NULL};
    }
    return p;
}

/* ---- counting */

static enum tally_outcome outcome_of(const struct json *line, const struct json *result)
{
    static const struct {
        struct str state, word;
        enum tally_outcome outcome;
    } rows[] = {
        {STR("completed"), STR("answered"), TALLY_SUCCEEDED},
        {STR("completed"), STR("refused"), TALLY_REFUSED},
        {STR("failed"), STR("invalid_output"), TALLY_INVALID},
        {STR("failed"), STR("truncated"), TALLY_TRUNCATED},
        {STR("cancelled"), STR_NONE, TALLY_CANCELLED},
        {STR("skipped"), STR_NONE, TALLY_CANCELLED},
    };
    struct str state = tally_text(line, "state");
    struct str word = str_eq(state, STR("completed")) ? tally_text(result, "outcome")
                                                      : tally_text(json_get(line, STR("error")), "code");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (str_eq(rows[i].state, state) && (!rows[i].word.n || str_eq(rows[i].word, word))) {
            return rows[i].outcome;
        }
    }
    return TALLY_FAILED;
}

static void add_use(struct tally_group *g, const struct json *result)
{
    const struct json *usage = json_get(result, STR("usage"));
    const struct json *cost = json_get(result, STR("cost_usd"));
    const struct json *repairs = json_get(result, STR("repairs"));
    g->calls += tally_int(result, "calls");
    g->input_tokens += tally_int(usage, "input_tokens");
    g->output_tokens += tally_int(usage, "output_tokens");
    g->latency_ms += tally_int(result, "latency_ms");
    g->repaired += repairs && repairs->count;
    if (cost && (cost->type == JSON_REAL || cost->type == JSON_INT)) {
        g->cost_usd += cost->d;
        g->priced++;
    }
}

/* The names come in the order of the list; one that is elsewhere is looked for. */
static size_t number_of_name(const struct tally *t, struct str name, size_t likely)
{
    if (likely < t->name_count && str_eq(t->names[likely], name)) {
        return likely;
    }
    for (size_t i = 0; i < t->name_count; i++) {
        if (str_eq(t->names[i], name)) {
            return i;
        }
    }
    return t->name_count;
}

static void add_mention(struct tally_group *g, size_t name, const struct json *m)
{
    g->names[name].answers++;
    g->names[name].mentions += tally_int(m, "count");
    g->names[name].places += tally_int(m, "order");
    g->mentions += tally_int(m, "count");
}

static void add_mentions(struct tally *t, struct tally_group *model, struct tally_prompt *prompt,
                         const struct json *list)
{
    size_t at = 0;
    for (const struct json *m = list ? list->first : NULL; m; m = m->next, at++) {
        size_t name = number_of_name(t, tally_text(m, "name"), at);
        if (name == t->name_count || tally_int(m, "count") <= 0) {
            continue;
        }
        add_mention(&t->all, name, m);
        if (model) {
            add_mention(model, name, m);
        }
        if (prompt && prompt->mentioned) {
            prompt->mentioned[name]++;
        }
    }
}

static void add_citations(struct tally *t, const struct json *list)
{
    for (const struct json *c = list ? list->first : NULL; c; c = c->next) {
        size_t count = t->domains.count;
        struct str domain = tally_text(c, "domain");
        size_t n = domain.n ? words_number(&t->domains, domain) : WORDS_NO_ROOM;
        t->citations++;
        if (n == WORDS_NO_ROOM) {
            continue;
        }
        struct tally_domain *d = nth(t->a, &t->of_domain, &t->domain_room, n, sizeof *d);
        if (t->domains.count > count) {
            *d = (struct tally_domain){.number = n, .entity = arena_str(t->a, tally_text(c, "entity"))};
        }
        d->count++;
        d->answers += d->last_line != t->lines;
        d->last_line = t->lines;
    }
}

static void add_failure(struct tally *t, const struct json *error)
{
    struct str code = tally_text(error, "code");
    size_t count = t->codes.count;
    size_t n = words_number(&t->codes, code.n ? code : STR("unknown"));
    if (n == WORDS_NO_ROOM) {
        return;
    }
    struct tally_code *c = nth(t->a, &t->of_code, &t->code_room, n, sizeof *c);
    if (t->codes.count > count) {
        *c = (struct tally_code){.message = arena_str(t->a, str_sub(tally_text(error, "message"), 0, 300))};
    }
    c->count++;
}

bool tally_add(struct tally *t, const struct json *line, const struct json *found, struct tally_line *out)
{
    const struct json *result = json_get(line, STR("result"));
    result = result && result->type == JSON_OBJECT ? result : NULL;
    *out = (struct tally_line){.outcome = outcome_of(line, result)};
    if (!str_eq(tally_text(line, "kind"), STR("run-prompt"))) {
        return false;
    }
    if (!coordinates_find(&t->places, tally_text(line, "unique_key"), &out->at)) {
        out->at = (struct prompt_coordinate){.prompt = tally_text(result, "prompt_id"),
                                             .provider = tally_text(result, "provider"),
                                             .model = tally_text(result, "model"),
                                             .run = tally_int(result, "run")};
    }
    struct tally_group *model = model_of(t, &out->at);
    struct tally_prompt *prompt = prompt_of(t, out->at.prompt);
    struct tally_group *groups[] = {&t->all, model};
    t->lines++;
    for (size_t i = 0; i < 2 && groups[i]; i++) {
        groups[i]->of[out->outcome]++;
        add_use(groups[i], result);
    }
    if (prompt) {
        prompt->jobs++;
        prompt->answers += out->outcome == TALLY_SUCCEEDED;
    }
    if (out->outcome == TALLY_SUCCEEDED) {
        add_mentions(t, model, prompt, json_get(found, STR("mentions")));
        add_citations(t, json_get(found, STR("citations")));
    } else if (out->outcome != TALLY_REFUSED && out->outcome != TALLY_CANCELLED) {
        add_failure(t, json_get(line, STR("error")));
    }
    return true;
}

bool tally_exceeds(const struct tally *t, const struct prompt_budget *b)
{
    const struct tally_group *g = &t->all;
    return (b->calls && g->calls > b->calls) ||
           (b->tokens && g->input_tokens + g->output_tokens > b->tokens) ||
           (b->usd > 0 && g->cost_usd > b->usd);
}

bool tally_is_clean(const struct tally *t, int64_t expected)
{
    const struct tally_group *g = &t->all;
    int64_t good = g->of[TALLY_SUCCEEDED] + g->of[TALLY_REFUSED];
    return good >= expected && good == t->lines;
}

int64_t tally_without_price(const struct tally *t)
{
    return t->all.of[TALLY_SUCCEEDED] + t->all.of[TALLY_REFUSED] - t->all.priced;
}
