/* engine.h: what the one door (store.c) wants from an engine, and what it gives to all of them. Inside store/ only. */
#ifndef STINT_STORE_ENGINE_H
#define STINT_STORE_ENGINE_H

#include "store/store.h"

#include <stdatomic.h>

/* The first member of every engine's own struct. */
struct store {
    const struct store_engine *engine;
    struct store_options options;
    /* The default clock: wall time at start + elapsed boot time. An engine whose database has a clock corrects the first. */
    _Atomic int64_t wall_at_start;
    int64_t boot_at_start;
    _Atomic int64_t grace_at; /* since when the server is back: leases renewed before get their grace (J6) */
    unsigned char secret[32];
};

struct copy_engine; /* copy_engine.h */

struct store_engine {
    const char *name;
    /* location: what the URL says behind the scheme. */
    enum rc (*open)(struct store **out, const char *location, const struct store_options *options,
                    struct err *e);
    /* store_migrate; NULL: open does all there is to do. */
    enum rc (*migrate)(const char *location, const struct store_options *options, struct err *e);
    void (*close)(struct store *s);
    void (*submit)(struct store *s, struct store_op *first); /* a list, linked by next */
    void (*grace)(struct store *s);
    const char *(*files_dir)(struct store *s);
    enum rc (*health)(struct store *s);
    /* NULL in an engine whose store belongs to one process. */
    bool (*note)(struct store *s, char to[STORE_NOTE_BYTES]);
    int64_t (*look_ms)(struct store *s);
    void (*set_watching)(struct store *s, bool is_watching);
    /* For `stint copy`; NULL in an engine whose stores end with their process. */
    const struct copy_engine *copy;
};

extern const struct store_engine sqlite_engine, sqlite_memory_engine, pg_engine;

/* The engine of a url, and what the url says to it. */
MUST_CHECK enum rc store_find_engine(const char *url, const struct store_engine **engine,
                                     const char **location, struct err *e);
/* Fills the common part; engines call it first of all. */
void store_start(struct store *s, const struct store_engine *engine, const struct store_options *options);
/* Gives a finished round back: to the round callback, and to whoever waits in store_run. Takes the round. */
void store_deliver(struct store *s, struct store_round *r);

/* The record of a round, with an arena of its own. */
struct store_round *store_round_new(void);
struct arena *store_round_arena(struct store_round *r);
struct store_change *store_round_add(struct store_round *r);
struct store_line *store_round_add_line(struct store_round *r);
void store_round_clear_changes(struct store_round *r);

/* op->rc and op->e in one; returns RC_OK, since an answer is no failure of the round. */
enum rc store_answer(struct store_op *op, enum rc rc, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);

#endif
