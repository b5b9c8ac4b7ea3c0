/* abilities.c: see abilities.h. */
#include "kinds/run_prompt/abilities.h"

#include "base/clock.h"

#define ABILITIES  32
#define ABILITY_MS 86400000

static struct ability {
    char model[200]; /* provider and model */
    enum structured mode;
    bool uses_completion_tokens;
    char dropped[DIALECT_DROPPED_MAX][PROMPT_PARAM_MAX_BYTES + 1];
    size_t dropped_count;
    int64_t until_ms;
} abilities[ABILITIES];
static size_t next_ability;

static void print_model(char out[sizeof abilities->model], const struct prompt_args *args)
{
    str_print(out, sizeof abilities->model, "%.*s %.*s", STR_ARG(args->provider), STR_ARG(args->model));
}

static struct ability *known_of(const struct prompt_args *args)
{
    char model[sizeof abilities->model];
    print_model(model, args);
    for (size_t i = 0; i < ABILITIES; i++) {
        if (abilities[i].until_ms > clock_boot_ms() &&
            str_eq(str_from(model), str_from(abilities[i].model))) {
            return &abilities[i];
        }
    }
    return NULL;
}

void abilities_recall(struct question *q, struct arena *a)
{
    const struct ability *known = known_of(q->args);
    if (!known) {
        return;
    }
    q->mode = known->mode > q->mode ? known->mode : q->mode;
    q->uses_completion_tokens = known->uses_completion_tokens;
    q->dropped_count = known->dropped_count;
    for (size_t i = 0; i < known->dropped_count; i++) {
        q->dropped[i] = arena_str(a, str_from(known->dropped[i]));
    }
}

void abilities_remember(const struct question *q)
{
    struct ability *kept = known_of(q->args);
    if (!kept) {
        kept = &abilities[next_ability++ % ABILITIES];
        *kept = (struct ability){.mode = STRUCTURED_SCHEMA};
        print_model(kept->model, q->args);
    }
    kept->mode = q->args->schema ? q->mode : kept->mode; /* without one nothing is learned of it */
    kept->uses_completion_tokens = q->uses_completion_tokens;
    kept->until_ms = clock_boot_ms() + ABILITY_MS;
    kept->dropped_count = q->dropped_count;
    for (size_t i = 0; i < q->dropped_count; i++) {
        str_copy(kept->dropped[i], sizeof kept->dropped[i], q->dropped[i]);
    }
}
