/* unique.h: unique keys and idempotency keys of a round. A key that is asked for is reserved first: whoever comes later,
 * in another round or at another node, waits for this transaction. Keys that end up with nobody are freed by the round's
 * last batch. Committer only. */
#ifndef STINT_STORE_PG_UNIQUE_H
#define STINT_STORE_PG_UNIQUE_H

#include "store/pg/postgres.h"

struct key_entry { /* a unique key that the round has locked */
    int64_t tenant;
    struct str key;
    struct id job; /* zero: nobody's */
    int64_t held_until;
    bool is_known;
    enum job_state state;       /* of the job, if it is known */
    bool is_dirty, is_released; /* released: it was not locked; it goes if it is the job's */
    struct key_entry *next;
};

/* Reserves many at once, so that finding them asks no more. In one order, whatever the callers' is. */
MUST_CHECK enum rc unique_reserve(struct committer *w, const struct key_entry *keys, size_t count,
                                  struct err *e);
/* For keys that nobody has, as a rule: they are taken for that, and asked for by no trip. unique_send_taken finds out. */
void unique_assume_free(struct committer *w, const struct key_entry *keys, size_t count);
/* Queues the keys that were assumed to be free and are held now, as new ones. Should one be somebody's, the batch fails with
 * JOBS_CHANGED, and w->has_key_race is set. */
MUST_CHECK enum rc unique_send_taken(struct committer *w, struct err *e);
/* Queues what has become of them. */
MUST_CHECK enum rc unique_send(struct committer *w, struct err *e);

/* keeper.h's */
MUST_CHECK enum rc unique_find_holder(struct keeper *k, int64_t tenant, struct str key,
                                      struct key_holder *out, struct err *e);
MUST_CHECK enum rc unique_hold(struct keeper *k, struct row *r, int64_t held_until, struct err *e);
MUST_CHECK enum rc unique_release(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc unique_find_verdicts(struct keeper *k, const struct store_enqueue *op,
                                        struct kept_verdicts *out, struct err *e);
MUST_CHECK enum rc unique_keep_verdicts(struct keeper *k, const struct store_enqueue *op, struct str verdicts,
                                        int64_t expires_at, struct err *e);

#endif
