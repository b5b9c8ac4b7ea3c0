/* nodes.h: this node among the others on its database: a thread with a session of its own, which listens, tells and beats.
 *
 *   a round's changes ──▶ notify.c: lines in the outbox ──▶ nodes.c: one NOTIFY for all that wait, in its own transaction
 *   LISTEN ──▶ listener.c: lines become a record without operations ──▶ store_deliver
 *
 * What is told: `queued TENANT QUEUE KIND`, a line in which a claim finds something, with ` PRIORITY
 * RUN_AT` from where on · `due AT`, a timed instant is nearer than it
 * was (`due`: look yourself) · `job …`, of jobs that somebody elsewhere watches, and of cancels · `limit TENANT KEY`, a key has slots again, or has changed · `keys` · `wish` · `nodes`, one
 * came, went, or began to watch · `aware`, the answer: from here on you are told · `all`, there was more than could be told.
 * Ours begin with `TAG node ID TIME`: so nobody hears himself, and whoever else may NOTIFY here can make a node look for jobs, as
 * stint.enqueue does, but make it believe nothing: only nodes know the secret that the tag is made with.
 *
 * Nothing depends on it. A notification may be lost, a pooler may stand between (then nobody listens): what waits here is looked
 * at once a second (store_look_ms; nodes.c for due times, and where nobody listens for keys and wishes while there is work). A node beats every 30 s; that is all that an idle one asks. */
#ifndef STINT_STORE_PG_NODES_H
#define STINT_STORE_PG_NODES_H

#include "base/buf.h"
#include "store/pg/link.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

struct pg_engine;
struct committer;

#define NODES_LOOK_MS 1000

/* Of a node that was given a DSN to listen at: session.c. */
enum session { SESSION_AS_TOLD, SESSION_UNREACHABLE, SESSION_ELSEWHERE };

struct nodes {
    pthread_t thread;
    bool has_thread;
    char *dsn;                     /* --store-listen; NULL: none */
    char *store;                   /* which store it is, where there is a dsn; session.c */
    _Atomic int misses;            /* enum session: why it is not used */
    int64_t again_at_ms, again_ms; /* when it is tried again; 0: it is used */
    struct id id;
    struct link link;
    struct arena *scratch;
    int wake_fd;
    _Atomic bool is_leaving, is_joined;
    _Atomic bool is_deaf; /* a pooler stands between: nobody listens here */
    _Atomic bool is_used; /* operations were submitted since it was last looked; only while it is deaf */
    _Atomic bool others_listen, others_watch;
    _Atomic bool is_watching;         /* somebody here does */
    _Atomic bool has_wishes;          /* table wish may hold something: for the next tick */
    _Atomic bool must_look_for_notes; /* for all of them: family.c */
    bool has_told_watching;           /* and the others know; the thread's, as what follows */
    bool must_answer;                 /* `aware` */
    bool was_joined;
    bool has_due; /* something of somebody, when it was last looked or told */
    int64_t others, keys_are;
    int64_t beat_at_ms, look_at_ms;
    _Atomic int64_t
        outage_at;        /* by the database's clock: since when its thread's session is gone; 0: it is not */
    pthread_mutex_t lock; /* of the outbox, and of announced_due_at */
    struct buf outbox;
    int64_t announced_due_at;
    int64_t notes_from, notes_marked, notes_seen, notes_marked_at_ms; /* the tick's: family.c */
};

/* ---- nodes.c */
void nodes_init(struct pg_engine *s);
/* Whether leases get their grace, and since when: at the start of this node. */
MUST_CHECK enum rc nodes_see_start(struct pg_engine *s, struct pg *c, struct err *e);
/* The same after an outage of the database, before a tick judges leases. In the round's transaction. */
MUST_CHECK enum rc nodes_see_outage(struct committer *w, struct err *e);
/* Leases have had it since then, also by another node, unless more is known here. */
void nodes_raise_grace(struct pg_engine *s, int64_t grace_at);
MUST_CHECK enum rc nodes_start(struct pg_engine *s, struct err *e);
/* Makes its thread say goodbye and end, when the others have; without its session it ends at once. */
void nodes_leave(struct pg_engine *s);
void nodes_dispose(struct pg_engine *s);
void nodes_wake(struct nodes *n);
/* There is something in table wish, or note: the record makes the next tick be now. The thread's. */
void nodes_see_wishes(struct pg_engine *s, struct store_round *r);
const char *nodes_note(const struct nodes *n);

/* ---- session.c */
/* Does --store-listen lead to the store? RC_INVALID, RC_DENIED, RC_NOT_FOUND: no. One that cannot be reached now will do. */
MUST_CHECK enum rc session_see_start(struct pg_engine *s, struct pg *c, struct err *e);
/* Makes sure that the thread has a session, perhaps another than before. The thread's. */
MUST_CHECK enum rc session_ready(struct pg_engine *s, bool *is_new, struct err *e);

/* ---- notify.c */
/* Of a round that is committed, before it is delivered. */
void notify_round(struct pg_engine *s, const struct store_round *r);
void notify_line(struct nodes *n, const char *line); /* a line of news by itself */
/* Sends what waits. The thread's. */
MUST_CHECK enum rc notify_send(struct pg_engine *s, struct err *e);
/* A notification of these lines, as this node sends it now; and the tag that stands before its text. */
struct str notify_sign(const struct pg_engine *s, struct arena *a, struct str lines);
uint64_t notify_tag(const struct pg_engine *s, struct str text);

/* ---- listener.c: one notification into the record. The thread's. */
void listener_hear(struct pg_engine *s, struct str payload, struct store_round *r);

#endif
