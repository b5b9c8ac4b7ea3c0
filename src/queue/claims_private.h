/* claims_private.h: what claims.c and wakes.c share: a claim while it is ours. */
#ifndef STINT_QUEUE_CLAIMS_PRIVATE_H
#define STINT_QUEUE_CLAIMS_PRIVATE_H

#include "queue/parts.h"

enum place { WAITING, IN_STORE };

struct line { /* the claims that take from one queue, in order of arrival */
    struct table_node node;
    int64_t tenant; /* 0: from all of that name */
    struct str name;
    struct line_link *first, *last;
};

struct line_link {
    struct claim_wait *wait;
    struct line *line;
    struct line_link *next, *prev;
};

struct claim_wait {
    struct queue *q;
    struct queue_claim *c;
    enum place place;
    struct loop_timer give_up;
    struct worker *worker; /* NULL: it did not say its name */
    struct claim_wait *worker_next, *worker_prev;
    struct line_link *links;
    size_t link_count;
    bool is_expired, is_abandoned, again, is_scout;
    uint64_t sent_in_round;
    struct claim_all *all;   /* claims_all.c; NULL: of one tenant, or not sent yet */
    struct line *token_line; /* NULL: it was not woken for a job */
    int64_t token_tenant;    /* whose job that is */
    char token_kind[JOB_NAME_MAX_BYTES + 1];
    struct id *cancels;
    size_t cancel_count;
    struct claim_wait *answer_next;
    bool is_to_answer;
};

/* ---- claims.c */
struct line *claims_find_line(const struct queue *q, int64_t tenant,
                              struct str name); /* NULL: nobody waits */
void claims_send(struct claim_wait *w);         /* to the store */
void claims_finish(struct claim_wait *w);       /* answers it, as it is; it is gone then */
void claims_stop_answering(struct claim_wait *w);

/* ---- claims_all.c */
void claims_send_all(struct claim_wait *w); /* its op->done is called when all of it is back */
void claims_forget_all(struct claim_wait *w);

/* ---- wakes.c */
/* The claim came back: who else has to look? */
void wakes_settle(struct claim_wait *w);

#endif
