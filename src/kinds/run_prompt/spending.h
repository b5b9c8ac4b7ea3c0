/* spending.h: what a job takes of its provider's limits and of its batch's budget. One call and its tokens were taken when the job was
 * handed out; each further call takes its own. The budget is taken of before each call: an estimate, put right behind it.
 *
 * A budget is a limit key, too, of which SPENDING_ALL is all, whatever it amounts to; the amount stands in the job's args. A job
 * takes 1 of it when it is handed out, which it gives back; for so many jobs at once as SPENDING_HELD the last call finds its share. */
#ifndef STINT_KINDS_RUN_PROMPT_SPENDING_H
#define STINT_KINDS_RUN_PROMPT_SPENDING_H

#include "kinds/run_prompt/dialect.h"
#include "worker/handler.h"

#define SPENDING_WHOLE     100000000
#define SPENDING_SLACK     100000
#define SPENDING_ALL       (SPENDING_WHOLE + SPENDING_SLACK)
#define SPENDING_HELD      1000
#define SPENDING_PERIOD_MS (31LL * 86400000)
#define SPENDING_SORTS     3 /* calls, tokens, usd */

struct spending {
    struct attempt *at;
    const struct prompt_args *args;
    struct str calls_key, tokens_key; /* of the provider; "" = the job does not name it */
    struct str budget_keys[SPENDING_SORTS];
    double input_price, output_price; /* of a token, USD; 0 = unknown */
    bool has_called;                  /* in this attempt */
    int64_t guess_input, guess_output;
    /* by the call that is under way */
    int64_t tokens_taken, budget_taken[SPENDING_SORTS];
};

enum spending_verdict {
    SPENDING_GRANTED,
    SPENDING_LATER, /* *wait_ms from now */
    SPENDING_OVER,  /* the budget is spent */
};

void spending_begin(struct spending *s, struct attempt *at, const struct prompt_args *args,
                    const struct provider *provider);
/* Before each call; may wait a while. */
enum spending_verdict spending_take(struct spending *s, int64_t *wait_ms);
/* Behind it: reply NULL = it was not answered. */
void spending_settle(struct spending *s, const struct reply *reply);

/* What each of so many calls takes of SPENDING_ALL. As many as jobs of a batch may be all find their share: of up to 9,000 no further
 * one does, of more one of a thousand. Of still more none does, and of a thousand three may not. */
int64_t spending_share_of_call(int64_t calls);
/* What a part of a whole takes, so that the parts never come to more; what is as much as the whole, SPENDING_WHOLE. */
int64_t spending_share(double part, double whole);
/* About how many tokens a job's first call takes. */
int64_t spending_guess(const struct prompt_args *args, int64_t *input, int64_t *output);
/* handler.h: of the file of providers, and of budgets. */
MUST_CHECK enum rc spending_limits(const struct handler_options *o, struct arena *a,
                                   struct handler_limit **out, size_t *count, struct err *e);

#endif
