/* sqlite.h: the SQLite engine, inside. One committer thread owns the writing connection, everything in memory here and
 * the files beside the database; readers have a connection and a snapshot each.
 *
 *   submit ──▶ writes ──▶ committer: BEGIN, operations, counts, COMMIT ──▶ store_deliver
 *          └─▶ reads  ──▶ readers:   BEGIN, one operation              ──▶ store_deliver
 *
 * Finished jobs stay in the table `job`: the partial indexes know live rows only, so history costs nothing, and a
 * completion is one update in place (docs/decisions/0006-one-job-table.md). */
#ifndef STINT_STORE_SQLITE_SQLITE_H
#define STINT_STORE_SQLITE_SQLITE_H

#include "core/turns.h"
#include "db/db.h"
#include "store/map.h"
#include "store/op_queue.h"
#include "store/rules/rules.h"
#include "store/sqlite/heap.h"
#include "store/sqlite/names.h"
#include "store/sqlite/sql.h"

#include <pthread.h>
#include <stdatomic.h>

#define INLINE_MAX_BYTES      2048       /* longer args, results and checkpoints are bodies of their own */
#define SQLITE_APPLICATION_ID 0x73746e74 /* "stnt" */
#define SCANNED_ROWS_MAX      20000      /* a list or a bulk action looks at no more rows at once */
#define WRITER_CACHE_KIB      6144
#define READER_CACHE_KIB      1024

/* ---- what the committer keeps in memory; read from the tables at start and after a rollback */

struct line {
    int64_t id, kind, priority, queued;
    struct queue_row *queue;
    bool is_dirty;
    struct line *next_dirty;
    int64_t key[3];    /* queue, kind, priority: as bytes, the key of writer.lines */
    struct lane *lane; /* of jobs that name a group or limits; else NULL */
};

struct queue_row {
    int64_t id, tenant;
    struct str name;
    bool is_paused, is_deleted, is_dirty;
    struct queue_settings settings;
    struct group_weights weights; /* what settings.group_weights says */
    struct arena *weights_arena;
    int64_t counts[JOB_STATES], totals[QUEUE_TOTALS];
    int64_t reserved;    /* used within one enqueue */
    struct line **lines; /* by priority */
    size_t line_count, line_room;
    struct turn **turns; /* by priority: lanes.h */
    size_t turn_count, open_lanes;
    struct queue_row *next_dirty;
    struct str key; /* tenant and name: the key of writer.queues */
};

struct word {
    int64_t id;
    struct str text;
};

struct writer {
    struct keeper keeper; /* first: what the rules see; its fields are of the round */
    struct engine *engine;
    struct db *db;
    struct id_generator ids;
    int64_t first_lease; /* new lease numbers are above it */
    /* caches */
    struct arena *cache_arena;
    struct map queues, lines, words, groups, limit_keys, limit_sets;
    struct queue_row **queue_by_id;
    size_t queue_room;
    struct line **line_by_id;
    size_t line_room;
    int64_t last_queue_id, last_line_id, last_word_id;
    struct queue_row *dirty_queues;
    struct line *dirty_lines, *free_lines;
    struct limit_key *dirty_limits;
    struct slot_change *slot_changes, *last_slot_change; /* limits.c */
    struct group *idle_groups, *last_idle_group;
    struct heap limit_wakes;   /* keys that let something out at a time */
    size_t pattern_count;      /* keys that end in *, and have a rule */
    uint64_t claim_turn;       /* at which queue the next claim begins */
    struct new_jobs *new_jobs; /* insert.c */
    /* of the round */
    struct sqlite_row *fresh; /* of the last job that was enqueued */
    struct file_change *file_changes;
    int64_t space_checked_at;
    bool has_notes;         /* table note may hold something: for the next tick */
    bool is_wal_long;       /* its file has all the room that it is given ahead */
    int64_t wal_hard_pages; /* at so many the log is moved into the database even if operations wait */
    int64_t reserve_pages;  /* free pages that enqueues must leave: what the ballast is short of (space.c) */
};

static inline struct writer *writer_of(struct keeper *k)
{
    return (struct writer *)k;
}

struct engine {
    struct store base;
    char *path, *files_dir, *lock_path, *memory_dir, *ballast_path;
    int lock_fd;
    bool is_memory, is_new;
    bool is_alone; /* no server's: no threads, and an unfinished copy will do */
    struct op_queue writes, reads;
    pthread_t committer_thread, *reader_threads;
    int reader_count;
    bool has_committer;
    _Atomic int health;
    struct names queue_names, words;
    struct writer *writer;
};

/* ---- helpers that every file uses */

MUST_CHECK enum rc stmt(struct db *db, enum sql_query query, struct db_stmt **out, struct err *e);

/* engine.c */
/* For a copy: with the store's lock, without threads. options.read_only: nothing is made or changed. */
MUST_CHECK enum rc engine_open_alone(struct engine **out, const char *location,
                                     const struct store_options *options, struct err *e);
void engine_close_alone(struct engine *s);
MUST_CHECK enum rc engine_open_db(struct engine *s, bool is_writer, struct db **out, struct err *e);
/* committer.c, readers.c */
void *committer_main(void *engine);
void *reader_main(void *engine);
/* Answers the list with the engine's end: RC_FATAL. */
void engine_refuse(struct engine *s, struct store_op *list);
void engine_set_health(struct engine *s, enum rc rc);
/* writer.c */
MUST_CHECK enum rc writer_open(struct engine *s, struct writer **out, struct err *e);
void writer_close(struct writer *w);
/* migrate.c: checks that the file is ours, whole, and not newer, then brings it up to date, all or nothing. */
MUST_CHECK enum rc migrate_check(struct db *db, bool *is_new, struct err *e);
MUST_CHECK enum rc migrate_apply(struct db *db, int64_t now, struct err *e);
/* RC_FATAL: it is the target of a copy that has not ended. */
MUST_CHECK enum rc migrate_refuse_copy(struct db *db, struct err *e);
/* RC_FATAL: of an older program; nothing is applied. */
MUST_CHECK enum rc migrate_expect_newest(struct db *db, struct err *e);
/* space.c: the ballast, kept beside the database for the day the disk is full (J17). */
#define SPACE_LOOK_MS 1000
void space_prepare(struct writer *w);
void space_release(struct writer *w); /* the disk is full: from now on only what ends jobs */
void space_look(struct writer *w);    /* once a second while refusing: is there room again? */
void space_watch(struct writer *w);   /* before each round: are the reserved pages still there? */
/* rounds.c: runs the list, all of it or its first part; what is left is returned. */
struct store_op *round_run(struct writer *w, struct store_op *list);

/* ---- operations that are not the rules' alone. The rc is a failure of the round; what the operation answers is in its op. */
MUST_CHECK enum rc claim_run(struct writer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc act_run(struct writer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc queue_set_run(struct writer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc queue_delete_run(struct writer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc key_create_run(struct writer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc key_revoke_run(struct writer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc tick_run(struct writer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc prune_run(struct writer *w, struct store_op *op, struct err *e);

struct reader {
    struct engine *engine;
    struct db *db;
    int64_t now;
};

MUST_CHECK enum rc job_get_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc job_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc child_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc event_read_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc artifact_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc artifact_get_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc series_get_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc series_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc schedule_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc limit_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc batch_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc result_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc queue_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc stats_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc key_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc tenant_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc lease_find_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc look_run(struct reader *r, struct store_op *op, struct err *e);

#endif
