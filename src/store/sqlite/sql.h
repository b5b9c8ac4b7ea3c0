/* sql.h: the named queries of sql/sqlite/queries, by number. Each has one text for the whole life of the program, so that
 * its address can be db_prepare's key. A new query: its block in the .sql file and its line here. */
#ifndef STINT_STORE_SQLITE_SQL_H
#define STINT_STORE_SQLITE_SQL_H

#include "base/err.h"

/* clang-format off */
#define SQL_QUERIES(X) \
    X(ROUND_BEGIN, "round_begin") \
    X(READ_BEGIN, "read_begin") \
    X(ROUND_COMMIT, "round_commit") \
    X(ROUND_ROLLBACK, "round_rollback") \
    X(META_GET, "meta_get") \
    X(META_PUT, "meta_put") \
    X(WORD_INSERT, "word_insert") \
    X(WORD_ALL, "word_all") \
    X(QUEUE_INSERT, "queue_insert") \
    X(QUEUE_ALL, "queue_all") \
    X(QUEUE_SET_COUNTS, "queue_set_counts") \
    X(QUEUE_SET_SETTINGS, "queue_set_settings") \
    X(QUEUE_LIST, "queue_list") \
    X(QUEUE_OLDEST, "queue_oldest") \
    X(QUEUE_SUMS, "queue_sums") \
    X(QUEUE_KINDS, "queue_kinds") \
    X(LINE_INSERT, "line_insert") \
    X(LINE_ALL, "line_all") \
    X(LINE_SET, "line_set") \
    X(LINE_DELETE, "line_delete") \
    X(LINE_READY, "line_ready") \
    X(LINE_READY_ALL, "line_ready_all") \
    X(LIMIT_ALL, "limit_all") \
    X(LIMIT_GET, "limit_get") \
    X(LIMIT_LIST, "limit_list") \
    X(LIMIT_PUT, "limit_put") \
    X(LIMIT_DELETE, "limit_delete") \
    X(LIMIT_COUNT, "limit_count") \
    X(LIMIT_SLOTS, "limit_slots") \
    X(LIMIT_WAITING, "limit_waiting") \
    X(LIMIT_PAUSED, "limit_paused") \
    X(SLOT_INSERT, "slot_insert") \
    X(SLOT_DELETE, "slot_delete") \
    X(JOB_LANE, "job_lane") \
    X(SCHEDULE_GET, "schedule_get") \
    X(SCHEDULE_COUNT, "schedule_count") \
    X(SCHEDULE_PUT, "schedule_put") \
    X(SCHEDULE_DELETE, "schedule_delete") \
    X(SCHEDULE_TAKE, "schedule_take") \
    X(SCHEDULE_RELEASE, "schedule_release") \
    X(SCHEDULE_LIST, "schedule_list") \
    X(SCHEDULE_HALF_FILLED, "schedule_half_filled") \
    X(KIN_INSERT, "kin_insert") \
    X(KIN_GET, "kin_get") \
    X(KIN_SET_FAILED, "kin_set_failed") \
    X(KIN_DELETE, "kin_delete") \
    X(KIN_OPEN, "kin_open") \
    X(KIN_LIST, "kin_list") \
    X(KIN_FAILURES, "kin_failures") \
    X(TALLY_ADD, "tally_add") \
    X(TALLY_CHANGE, "tally_change") \
    X(TALLY_GET, "tally_get") \
    X(TALLY_DELETE, "tally_delete") \
    X(BATCH_INSERT, "batch_insert") \
    X(BATCH_MAX, "batch_max") \
    X(BATCH_FINALLY, "batch_finally") \
    X(BATCH_SET_FINALLY, "batch_set_finally") \
    X(BATCH_DELETE, "batch_delete") \
    X(BATCH_FILL_AT, "batch_fill_at") \
    X(BATCH_LIST, "batch_list") \
    X(BATCH_LIST_NAMED, "batch_list_named") \
    X(BATCH_LIST_LABELLED, "batch_list_labelled") \
    X(MEMBER_INSERT, "member_insert") \
    X(MEMBER_GET, "member_get") \
    X(MEMBER_HIDDEN, "member_hidden") \
    X(MEMBER_DELETE, "member_delete") \
    X(MEMBER_OPEN, "member_open") \
    X(MEMBER_FINAL, "member_final") \
    X(JOB_LIST_BATCH, "job_list_batch") \
    X(LINK_INSERT, "link_insert") \
    X(LINK_JOBS, "link_jobs") \
    X(LINK_LIST, "link_list") \
    X(LINK_DELETE, "link_delete") \
    X(LINK_ANY, "link_any") \
    X(LINK_DELETE_ALL, "link_delete_all") \
    X(NOTE_INSERT, "note_insert") \
    X(NOTE_LIST, "note_list") \
    X(NOTE_ANY, "note_any") \
    X(NOTE_DELETE, "note_delete") \
    X(UNIQUE_GET, "unique_get") \
    X(UNIQUE_PUT, "unique_put") \
    X(UNIQUE_RELEASE, "unique_release") \
    X(IDEMPOTENCY_GET, "idempotency_get") \
    X(IDEMPOTENCY_PUT, "idempotency_put") \
    X(TENANT_GET, "tenant_get") \
    X(TENANT_INSERT, "tenant_insert") \
    X(TENANT_COUNT, "tenant_count") \
    X(TENANT_LIST, "tenant_list") \
    X(KEY_INSERT, "key_insert") \
    X(KEY_GET, "key_get") \
    X(KEY_REVOKE, "key_revoke") \
    X(KEY_LIST, "key_list") \
    X(PRUNE_UNIQUE, "prune_unique") \
    X(PRUNE_IDEMPOTENCY, "prune_idempotency") \
    X(NEXT_UNIQUE_EXPIRY, "next_unique_expiry") \
    X(NEXT_IDEMPOTENCY_EXPIRY, "next_idempotency_expiry") \
    X(JOB_INSERT, "job_insert") \
    X(JOB_LOAD, "job_load") \
    X(JOB_SAVE, "job_save") \
    X(JOB_FINISH, "job_finish") \
    X(JOB_TOUCH, "job_touch") \
    X(JOB_CLAIM, "job_claim") \
    X(JOB_SET_ERROR, "job_set_error") \
    X(JOB_SET_CHECKPOINT, "job_set_checkpoint") \
    X(JOB_SET_PROGRESS_MESSAGE, "job_set_progress_message") \
    X(JOB_SET_RESULT, "job_set_result") \
    X(JOB_SET_ARGS, "job_set_args") \
    X(JOB_SET_PLACE, "job_set_place") \
    X(JOB_ERASE, "job_erase") \
    X(JOB_HEADS, "job_heads") \
    X(JOB_VIEW, "job_view") \
    X(JOB_LEASE, "job_lease") \
    X(JOB_LIST, "job_list") \
    X(JOB_LIST_DEAD, "job_list_dead") \
    X(JOB_DUE, "job_due") \
    X(JOB_NEXT_DUE, "job_next_due") \
    X(JOB_EXPIRED, "job_expired") \
    X(JOB_NEXT_EXPIRY, "job_next_expiry") \
    X(JOB_DELETE, "job_delete") \
    X(JOB_LAST_ID, "job_last_id") \
    X(BODY_PUT, "body_put") \
    X(BODY_GET, "body_get") \
    X(BODY_DELETE, "body_delete") \
    X(BODY_DELETE_ALL, "body_delete_all") \
    X(EVENT_INSERT, "event_insert") \
    X(EVENT_READ, "event_read") \
    X(EVENT_FIRST, "event_first") \
    X(EVENT_DELETE_SOME, "event_delete_some") \
    X(EVENT_DELETE_ALL, "event_delete_all") \
    X(ARTIFACT_INSERT, "artifact_insert") \
    X(ARTIFACT_FIND, "artifact_find") \
    X(ARTIFACT_OF_JOB, "artifact_of_job") \
    X(ARTIFACT_PUBLISH, "artifact_publish") \
    X(ARTIFACT_STEP_BACK, "artifact_step_back") \
    X(ARTIFACT_DELETE, "artifact_delete") \
    X(ARTIFACT_GET, "artifact_get") \
    X(ARTIFACT_LIST, "artifact_list") \
    X(ARTIFACT_HAS_FILE, "artifact_has_file") \
    X(SERIES_INSERT, "series_insert") \
    X(SERIES_OLD, "series_old") \
    X(SERIES_OF_ARTIFACT, "series_of_artifact") \
    X(SERIES_DELETE, "series_delete") \
    X(SERIES_DELETE_ARTIFACT, "series_delete_artifact") \
    X(SERIES_GET, "series_get") \
    X(SERIES_NEWEST, "series_newest") \
    X(SERIES_NAMES, "series_names") \
    X(COPY_IS_EMPTY, "copy_is_empty") \
    X(META_DELETE, "meta_delete") \
    X(COPY_READ_TENANT, "copy_read_tenant") \
    X(COPY_READ_API_KEY, "copy_read_api_key") \
    X(COPY_READ_QUEUE, "copy_read_queue") \
    X(COPY_READ_JOB, "copy_read_job") \
    X(COPY_READ_EVENT, "copy_read_event") \
    X(COPY_READ_UNIQUE_KEY, "copy_read_unique_key") \
    X(COPY_READ_IDEMPOTENCY, "copy_read_idempotency") \
    X(COPY_READ_ARTIFACT, "copy_read_artifact") \
    X(COPY_READ_SERIES_ENTRY, "copy_read_series_entry") \
    X(COPY_READ_SCHEDULE, "copy_read_schedule") \
    X(COPY_WRITE_SCHEDULE, "copy_write_schedule") \
    X(COPY_READ_LIMIT, "copy_read_limit") \
    X(COPY_WRITE_LIMIT, "copy_write_limit") \
    X(COPY_READ_TALLY, "copy_read_tally") \
    X(COPY_WRITE_TALLY, "copy_write_tally") \
    X(COPY_READ_LINK, "copy_read_link") \
    X(COPY_READ_NOTE, "copy_read_note") \
    X(COPY_WRITE_LINK, "copy_write_link") \
    X(COPY_WRITE_NOTE, "copy_write_note") \
    X(COPY_WRITE_KIN, "copy_write_kin") \
    X(COPY_WRITE_MEMBER, "copy_write_member") \
    X(COPY_READ_BATCH, "copy_read_batch") \
    X(COPY_WRITE_BATCH, "copy_write_batch") \
    X(COPY_WRITE_TENANT, "copy_write_tenant") \
    X(COPY_WRITE_API_KEY, "copy_write_api_key") \
    X(COPY_WRITE_JOB, "copy_write_job") \
    X(COPY_WRITE_EVENT, "copy_write_event") \
    X(COPY_WRITE_UNIQUE_KEY, "copy_write_unique_key") \
    X(COPY_WRITE_IDEMPOTENCY, "copy_write_idempotency") \
    X(COPY_WRITE_ARTIFACT, "copy_write_artifact") \
    X(COPY_WRITE_SERIES_ENTRY, "copy_write_series_entry")
/* clang-format on */

#define SQL_AS_ENUM(upper, name) SQL_##upper,
enum sql_query { SQL_QUERIES(SQL_AS_ENUM) SQL_COUNT };

/* Reads the query files that the program carries, once. RC_FATAL: a query is missing (a bug of the build). Any thread. */
MUST_CHECK enum rc sql_load(struct err *e);
const char *sql_text(enum sql_query q);

#endif
