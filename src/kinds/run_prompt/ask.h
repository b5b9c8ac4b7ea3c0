/* ask.h: one call of a provider, and what to do about what it says: climb down to what the model can do, leave a parameter
 * out, come back later, or give up. */
#ifndef STINT_KINDS_RUN_PROMPT_ASK_H
#define STINT_KINDS_RUN_PROMPT_ASK_H

#include "kinds/run_prompt/dialect.h"
#include "net/fetch.h"
#include "worker/handler.h"

struct ask {
    const struct provider *provider;
    const struct dialect *dialect;
    struct fetcher *fetcher;
    struct str key;    /* the secret; "" = none */
    struct str job;    /* for Idempotency-Key */
    struct question q; /* changed as the model's abilities become known */
    int calls;
    int waits;          /* answers in a row that said "later" */
    int64_t latency_ms; /* of the last call */
    struct arena *a;
};

enum ask_next { ASK_ANSWERED, ASK_AGAIN, ASK_LATER, ASK_FAILED };

struct ask_failure {
    enum error_class class;
    const char *code;
    struct str message;     /* without the key */
    int64_t retry_after_ms; /* ASK_LATER */
    bool is_for_people;     /* ASK_LATER: time alone will not mend it */
};

/* ASK_ANSWERED: *reply is what the model said. ASK_AGAIN: the question has become simpler, ask once more. ASK_LATER: the
 * provider wants to be left alone for failure->retry_after_ms. ASK_FAILED: see the failure. */
enum ask_next ask_once(struct ask *ask, struct reply *reply, struct ask_failure *failure);
/* The same of an answer that is there. */
enum ask_next ask_judge(struct ask *ask, const struct fetch_answer *answer, struct reply *reply,
                        struct ask_failure *failure);

#endif
