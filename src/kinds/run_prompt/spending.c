/* spending.c: see spending.h. */
#include "kinds/run_prompt/spending.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "kinds/prompt_batch.h"

#define WAIT_MAX_MS      30000 /* of a worker's slot, for one more call; what takes longer comes back */
#define TURN_MS          50    /* not asked again sooner */
#define OUTPUT_GUESS     512
#define CHARS_OF_A_TOKEN 4
#define BURSTS           10 /* of an rpm, a tenth may begin at once */
#define TOKEN_BURSTS     4
#define HASTE            20 /* jobs take a moment to begin, and then come closer together */
#define MILLION          1e6

static const char *const budget_sorts[SPENDING_SORTS] = {"calls:", "tokens:", "usd:"};

/* ---- guesses */

int64_t spending_guess(const struct prompt_args *args, int64_t *input, int64_t *output)
{
    size_t bytes = args->messages.n + args->system_text.n + (args->schema ? args->schema->raw.n : 0);
    int64_t asked = dialect_count(args->params, "max_tokens");
    asked = asked > 0 ? asked : dialect_count(args->params, "max_completion_tokens");
    *input = (int64_t)(bytes / CHARS_OF_A_TOKEN) + 1;
    *output = asked > 0 ? asked : OUTPUT_GUESS;
    return *input + *output;
}

static double price_of(const struct provider *p, struct str model, struct str name)
{
    const struct json *v = json_get(json_get(p->prices, model), name);
    return v ? v->d / MILLION : 0;
}

void spending_begin(struct spending *s, struct attempt *at, const struct prompt_args *args,
                    const struct provider *provider)
{
    struct arena *a = attempt_arena(at);
    *s = (struct spending){.at = at, .args = args};
    s->calls_key = arena_printf(a, PROMPT_LIMIT_PREFIX "%.*s", STR_ARG(args->provider));
    s->tokens_key = arena_printf(a, PROMPT_TOKENS_PREFIX "%.*s", STR_ARG(args->provider));
    s->calls_key = attempt_limit_weight(at, s->calls_key) ? s->calls_key : STR("");
    s->tokens_key = attempt_limit_weight(at, s->tokens_key) ? s->tokens_key : STR("");
    for (int i = 0; i < SPENDING_SORTS; i++) {
        s->budget_keys[i] =
            attempt_limit_key(at, arena_printf(a, PROMPT_BUDGET_PREFIX "%s", budget_sorts[i]));
        attempt_correct(at, s->budget_keys[i], s->budget_keys[i].n ? -1 : 0); /* for being handed out */
    }
    s->input_price = price_of(provider, args->model, STR("input"));
    s->output_price = price_of(provider, args->model, STR("output"));
    (void)spending_guess(args, &s->guess_input, &s->guess_output);
}

/* ---- budgets */

int64_t spending_share_of_call(int64_t calls)
{
    return calls <= PROMPT_BATCH_MAX_JOBS ? (SPENDING_ALL - SPENDING_HELD) / calls
                                          : SPENDING_ALL / (calls + 1) + 1;
}

int64_t spending_share(double part, double whole)
{
    double share = whole > 0 ? part / whole : 0;
    double units = ceil(share * SPENDING_ALL);
    int64_t most = share < 1 ? SPENDING_ALL - SPENDING_HELD : SPENDING_WHOLE;
    return units < (double)most ? (int64_t)units : most;
}

/* The share that a spend has in the budget, in its units. */
static int64_t units_of(const struct spending *s, int sort, int64_t input, int64_t output)
{
    const struct prompt_budget *b = &s->args->budget;
    double cost = (double)input * s->input_price + (double)output * s->output_price;
    return sort == 0   ? (b->calls ? spending_share_of_call(b->calls) : 0)
           : sort == 1 ? spending_share((double)(input + output), (double)b->tokens)
                       : spending_share(cost, b->usd);
}

static bool take_of_budget(struct spending *s)
{
    struct limit_use uses[SPENDING_SORTS];
    struct err unused = {0};
    size_t n = 0;
    int64_t wait_ms = 0;
    for (int i = 0; i < SPENDING_SORTS; i++) {
        int64_t units = units_of(s, i, s->guess_input, s->guess_output);
        if (s->budget_keys[i].n && units) {
            uses[n++] = (struct limit_use){s->budget_keys[i], units};
            s->budget_taken[i] = units;
        }
    }
    bool is_granted = !n || attempt_take(s->at, uses, n, &wait_ms, &unused) || !wait_ms;
    for (int i = 0; i < SPENDING_SORTS && !is_granted; i++) {
        s->budget_taken[i] = 0;
    }
    return is_granted;
}

/* What is spent beyond the estimate is taken, if it is there: a key that owes something would keep all others from ending. */
static void settle_budget(struct spending *s, int64_t input, int64_t output, bool was_called)
{
    struct err unused = {0};
    for (int i = 0; i < SPENDING_SORTS; i++) {
        int64_t units = was_called ? units_of(s, i, input, output) : 0;
        int64_t more = units - s->budget_taken[i];
        const struct limit_use use = {s->budget_keys[i], more};
        int64_t wait_ms = 0;
        if (s->budget_keys[i].n && more > 0) {
            (void)!attempt_take(s->at, &use, 1, &wait_ms, &unused);
        } else if (s->budget_keys[i].n) {
            attempt_correct(s->at, s->budget_keys[i], more);
        }
        s->budget_taken[i] = 0;
    }
}

/* ---- the provider's limits */

static enum spending_verdict take_of_provider(struct spending *s, int64_t *wait_ms)
{
    struct limit_use uses[2];
    struct err unused = {0};
    size_t n = 0;
    int64_t waited_ms = 0;
    if (s->calls_key.n) {
        uses[n++] = (struct limit_use){s->calls_key, 1};
    }
    if (s->tokens_key.n) {
        uses[n++] = (struct limit_use){s->tokens_key, s->guess_input + s->guess_output};
    }
    while (n) {
        if (attempt_take(s->at, uses, n, wait_ms, &unused)) {
            *wait_ms = WAIT_MAX_MS;
            return SPENDING_LATER;
        }
        int64_t turn_ms = *wait_ms > TURN_MS ? *wait_ms : TURN_MS;
        if (!*wait_ms) {
            break;
        }
        if (*wait_ms > WAIT_MAX_MS - waited_ms || !attempt_wait(s->at, turn_ms)) {
            return SPENDING_LATER;
        }
        waited_ms += turn_ms;
    }
    s->tokens_taken = s->tokens_key.n ? s->guess_input + s->guess_output : 0;
    return SPENDING_GRANTED;
}

enum spending_verdict spending_take(struct spending *s, int64_t *wait_ms)
{
    *wait_ms = 0;
    if (!take_of_budget(s)) {
        return SPENDING_OVER;
    }
    if (s->has_called) {
        enum spending_verdict v = take_of_provider(s, wait_ms);
        if (v) {
            settle_budget(s, 0, 0, false);
        }
        return v;
    }
    s->has_called = true;
    s->tokens_taken = attempt_limit_weight(s->at, s->tokens_key);
    return SPENDING_GRANTED;
}

void spending_settle(struct spending *s, const struct reply *reply)
{
    bool is_told = reply && reply->input_tokens >= 0 && reply->output_tokens >= 0;
    int64_t input = !reply ? 0 : is_told ? reply->input_tokens : s->guess_input;
    int64_t output = !reply ? 0 : is_told ? reply->output_tokens : s->guess_output;
    if (s->tokens_key.n && (!reply || is_told)) {
        attempt_correct(s->at, s->tokens_key, input + output - s->tokens_taken);
    }
    settle_budget(s, input, output, reply != NULL);
    if (is_told) { /* the next one has this answer in it, and more room */
        s->guess_input = input + output;
        s->guess_output = 2 * output > s->guess_output ? 2 * output : s->guess_output;
    }
    s->tokens_taken = 0;
}

/* ---- rules */

/* So that no span of a minute has more than n: what may be piled up and what comes back in it are n together. */
static void set_rate(struct limit_rule *r, int64_t n, int64_t bursts, int64_t haste)
{
    int64_t burst = n / bursts > 0 ? n / bursts : 1;
    int64_t rate = (n - burst) - (n - burst) / haste;
    r->burst = burst;
    r->rate = rate > 0 ? rate : 1;
    r->period_ms = 60000;
}

static void warn_without_secret(const struct provider *p, struct arena *a)
{
    const char *variable = arena_printf(a, "STINT_SECRET_%.*s", STR_ARG(p->secret)).p; /* attempt_secret */
    if (p->secret.n && !getenv(variable)) {
        log_warn("worker.secret_missing", L_STR("provider", p->name), L_C("variable", variable));
    }
}

enum rc spending_limits(const struct handler_options *o, struct arena *a, struct handler_limit **out,
                        size_t *count, struct err *e)
{
    struct provider *providers = NULL;
    size_t n = 0;
    enum rc rc = o->providers ? provider_read_all(o->providers, a, &providers, &n, e) : RC_OK;
    struct handler_limit *list = arena_array(a, struct handler_limit, 2 * n + 1);
    *count = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        const struct provider *p = &providers[i];
        warn_without_secret(p, a);
        struct handler_limit calls = {.key = arena_printf(a, PROMPT_LIMIT_PREFIX "%.*s", STR_ARG(p->name)),
                                      .rule.concurrency = p->concurrency,
                                      .rule.is_adaptive = p->concurrency && p->is_adaptive};
        struct handler_limit tokens = {.key = arena_printf(a, PROMPT_TOKENS_PREFIX "%.*s", STR_ARG(p->name))};
        if (p->rpm) {
            set_rate(&calls.rule, p->rpm, BURSTS, HASTE);
        }
        if (p->concurrency || p->rpm) {
            list[(*count)++] = calls;
        }
        if (p->tpm) {
            set_rate(&tokens.rule, p->tpm, TOKEN_BURSTS, HASTE);
            list[(*count)++] = tokens;
        }
    }
    if (o->providers) {
        list[(*count)++] = (struct handler_limit){
            .key = STR(PROMPT_BUDGET_PREFIX "*"),
            .rule = {.rate = SPENDING_WHOLE, .period_ms = SPENDING_PERIOD_MS, .burst = SPENDING_ALL}};
    }
    *out = list;
    return rc;
}
