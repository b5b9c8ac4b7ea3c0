/* verdicts.c: the answers of an enqueue as bytes, which an engine keeps under the idempotency key, and idempotency keys. */
#include "store/rules/rules.h"

#include <string.h>

#define IDEMPOTENCY_MS   86400000LL
#define PACKED_MAX_BYTES (16 << 20)

/* What is kept of a verdict under an idempotency key; text and field follow, text_bytes and field_bytes long. */
struct packed_verdict {
    int64_t ordinal, random;
    uint8_t rc, state, duplicate, pruned; /* duplicate 2: and replaced; 3: none, but dropped */
    uint16_t text_bytes, field_bytes;
};

static void pack(const struct store_enqueue *op, struct buf *out)
{
    for (size_t i = 0; i < op->count; i++) {
        const struct enqueue_verdict *v = &op->verdicts[i];
        struct packed_verdict p = {.ordinal = id_ordinal(v->job),
                                   .random = id_random_bits(v->job),
                                   .rc = (uint8_t)v->rc,
                                   .state = (uint8_t)v->state,
                                   .duplicate = v->dropped    ? 3
                                                : v->replaced ? 2
                                                              : v->duplicate,
                                   .pruned = v->pruned,
                                   .text_bytes = (uint16_t)(v->rc ? strlen(v->e.text) : 0),
                                   .field_bytes = (uint16_t)(v->rc ? strlen(v->e.field) : 0)};
        buf_append(out, &p, sizeof p);
        buf_append(out, v->e.text, p.text_bytes);
        buf_append(out, v->e.field, p.field_bytes);
    }
}

/* The API's word: a refused item has no other reason of its rc. */
static const char *code_of(enum rc rc)
{
    return rc == RC_INVALID    ? "invalid_field"
           : rc == RC_TOO_BIG  ? "args_too_big"
           : rc == RC_BUSY     ? "queue_full"
           : rc == RC_CONFLICT ? "batch_closed"
                               : NULL;
}

static bool unpack(struct store_enqueue *op, struct str packed)
{
    for (size_t i = 0; i < op->count; i++) {
        struct packed_verdict p;
        struct enqueue_verdict *v = &op->verdicts[i];
        if (packed.n < sizeof p) {
            return false;
        }
        memcpy(&p, packed.p, sizeof p);
        packed = str_sub(packed, sizeof p, packed.n);
        if (packed.n < (size_t)p.text_bytes + p.field_bytes) {
            return false;
        }
        *v = (struct enqueue_verdict){.rc = (enum rc)p.rc,
                                      .state = (enum job_state)p.state,
                                      .duplicate = p.duplicate == 1 || p.duplicate == 2,
                                      .dropped = p.duplicate == 3,
                                      .replaced = p.duplicate == 2,
                                      .pruned = p.pruned};
        if (!v->rc) { /* what was refused has no job */
            v->job = id_from_parts(p.ordinal, p.random);
        } else {
            v->e.rc = v->rc;
            v->e.code = code_of(v->rc);
            str_copy(v->e.text, sizeof v->e.text, str_sub(packed, 0, p.text_bytes));
            str_copy(v->e.field, sizeof v->e.field,
                     str_sub(packed, p.text_bytes, p.text_bytes + p.field_bytes));
        }
        packed = str_sub(packed, (size_t)p.text_bytes + p.field_bytes, packed.n);
    }
    return packed.n == 0;
}

/* ---- under an idempotency key */

enum rc rules_replay(struct keeper *k, struct store_enqueue *op, bool *is_done, struct err *e)
{
    struct kept_verdicts kept = {0};
    enum rc rc = k->engine->find_verdicts(k, op, &kept, e);
    if (rc || !kept.hash.p) {
        return rc;
    }
    *is_done = true;
    bool is_same = kept.hash.n == sizeof op->body_hash && !memcmp(kept.hash.p, op->body_hash, kept.hash.n);
    if (is_same && unpack(op, kept.verdicts)) {
        op->replayed = true;
        op->op.rc = RC_OK;
        return RC_OK;
    }
    return store_answer(&op->op, RC_INVALID, "idempotency_mismatch",
                        "the idempotency key was used with another body within 24 hours");
}

enum rc rules_remember(struct keeper *k, const struct store_enqueue *op, struct err *e)
{
    struct buf packed = BUF_LIMIT(PACKED_MAX_BYTES);
    pack(op, &packed);
    enum rc rc = buf_check(&packed, "verdicts", e);
    if (!rc) {
        struct str kept = packed.n ? arena_str(k->scratch, buf_str(&packed)) : STR("");
        rc = k->engine->keep_verdicts(k, op, kept, k->now + IDEMPOTENCY_MS, e);
    }
    buf_dispose(&packed);
    return rc;
}
