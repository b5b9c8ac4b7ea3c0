/* parse_pool.h: a few threads that each ask one parse process, so that files are parsed at the same time, and one file that
 * kills or hangs its parser costs only itself. */
#ifndef STINT_KINDS_INDEX_REPO_PARSE_POOL_H
#define STINT_KINDS_INDEX_REPO_PARSE_POOL_H

#include "base/buf.h"
#include "codeindex/code.h"
#include "worker/handler.h"

#define PARSE_POOL_THREADS 2
#define PARSE_POOL_WAITING 8 /* tasks that may wait for a thread */

/* One file on its way; belongs to the pool between submit and take. */
struct parse_task {
    size_t file;
    struct buf request; /* as parse_answer takes it */
    struct buf answer;
    enum rc rc;
    struct err err;
    struct parse_task *next;
};

struct parse_pool;

struct parse_pool *parse_pool_start(struct attempt *at, int64_t timeout_ms);
/* Takes ownership of t (heap). Only while parse_pool_count < PARSE_POOL_WAITING + PARSE_POOL_THREADS. */
void parse_pool_submit(struct parse_pool *p, struct parse_task *t);
size_t parse_pool_count(const struct parse_pool *p); /* submitted and not taken */
/* Waits for a finished task and hands it back; NULL when none was submitted. */
struct parse_task *parse_pool_take(struct parse_pool *p);
void parse_pool_stop(struct parse_pool *p); /* waits for what runs, drops what waits */
struct parse_task *parse_task_new(size_t file, enum code_lang lang, size_t max_bytes);
void parse_task_free(struct parse_task *t);

/* The handler's parse(): one language byte, then the source; answers with the record of code.h. */
enum rc parse_answer(struct str request, struct buf *answer, struct err *e);

#endif
