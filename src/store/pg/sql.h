/* sql.h: the named queries of sql/pg/queries, by number. Each has one text for the whole life of the program, so that its
 * address can be pg_send's key. A new query: its block in the .sql file and its line here. */
#ifndef STINT_STORE_PG_SQL_H
#define STINT_STORE_PG_SQL_H

#include "base/err.h"

/* clang-format off */
#define PG_SQL_QUERIES(X) \
    X(MIGRATION_ALL, "migration_all") \
    X(MIGRATION_OLDEST, "migration_oldest") \
    X(MIGRATION_ADD, "migration_add") \
    X(SCHEMA_SHAPE, "schema_shape") \
    X(SHAPE_IS_RIGHT, "shape_is_right") \
    X(SHAPE_DIFFERENCES, "shape_differences") \
    X(SHAPE_ROWS, "shape_rows") \
    X(META_ALL, "meta_all") \
    X(META_RAISE_ORDINAL, "meta_raise_ordinal") \
    X(JOB_LAST_ID, "job_last_id") \
    X(ROUND_CLOCK, "round_clock") \
    X(SETTINGS_ALL, "settings_all") \
    X(SETTINGS_RAISE, "settings_raise") \
    X(QUEUE_PUT, "queue_put") \
    X(QUEUE_WAITING, "queue_waiting") \
    X(COUNT_ADD, "count_add") \
    X(COUNT_FOLD, "count_fold") \
    X(PARTITION_MAKE, "partition_make") \
    X(PARTITION_ALL, "partition_all") \
    X(TENANT_ADD, "tenant_add") \
    X(TENANT_GET, "tenant_get") \
    X(KEY_ADD, "key_add") \
    X(KEY_GET, "key_get") \
    X(KEY_REVOKE, "key_revoke") \
    X(KEY_LIST, "key_list") \
    X(SCHEDULE_LOCK, "schedule_lock") \
    X(SCHEDULE_COUNT, "schedule_count") \
    X(SCHEDULE_PUT, "schedule_put") \
    X(SCHEDULE_DELETE, "schedule_delete") \
    X(SCHEDULE_TAKE, "schedule_take") \
    X(SCHEDULE_LIST, "schedule_list") \
    X(UNIQUE_RESERVE, "unique_reserve") \
    X(UNIQUE_LOCK, "unique_lock") \
    X(UNIQUE_PUT, "unique_put") \
    X(UNIQUE_FREE, "unique_free") \
    X(UNIQUE_RELEASE, "unique_release") \
    X(IDEMPOTENCY_RESERVE, "idempotency_reserve") \
    X(IDEMPOTENCY_LOCK, "idempotency_lock") \
    X(IDEMPOTENCY_PUT, "idempotency_put") \
    X(IDEMPOTENCY_FREE, "idempotency_free") \
    X(JOB_LOCK, "job_lock") \
    X(JOB_LOCK_ROOTS, "job_lock_roots") \
    X(HISTORY_LOCK, "history_lock") \
    X(JOB_ERROR, "job_error") \
    X(JOB_INSERT, "job_insert") \
    X(JOB_SAVE, "job_save") \
    X(JOB_FINISH, "job_finish") \
    X(JOB_FINISH_KNOWN, "job_finish_known") \
    X(JOB_DELETE_KNOWN, "job_delete_known") \
    X(JOB_RESTORE, "job_restore") \
    X(JOB_DELETE, "job_delete") \
    X(HISTORY_DELETE, "history_delete") \
    X(HISTORY_ERASE, "history_erase") \
    X(JOB_DUE, "job_due") \
    X(JOB_NEXT_DUE, "job_next_due") \
    X(JOB_VIEW, "job_view") \
    X(HISTORY_VIEW, "history_view") \
    X(EVENT_INSERT, "event_insert") \
    X(EVENT_FINISH, "event_finish") \
    X(EVENT_RESTORE, "event_restore") \
    X(EVENT_DELETE, "event_delete") \
    X(EVENT_HISTORY_DELETE, "event_history_delete") \
    X(JOB_BRIEF, "job_brief") \
    X(HISTORY_BRIEF, "history_brief") \
    X(EVENT_READ, "event_read") \
    X(EVENT_FIRST, "event_first") \
    X(EVENT_HISTORY_READ, "event_history_read") \
    X(EVENT_HISTORY_FIRST, "event_history_first") \
    X(JOB_LIST, "job_list") \
    X(JOB_LIST_LIVE, "job_list_live") \
    X(JOB_LIST_DEAD, "job_list_dead") \
    X(TALLY_ADD, "tally_add") \
    X(TALLY_SUMS, "tally_sums") \
    X(TALLY_DELETE, "tally_delete") \
    X(TALLY_FOLD, "tally_fold") \
    X(CHILDREN_OPEN, "children_open") \
    X(CHILDREN_LIST, "children_list") \
    X(LINK_INSERT, "link_insert") \
    X(LINK_JOBS, "link_jobs") \
    X(LINK_TAKE, "link_take") \
    X(LINK_LIST, "link_list") \
    X(LINK_DELETE, "link_delete") \
    X(NOTE_INSERT, "note_insert") \
    X(NOTE_ANY, "note_any") \
    X(NOTE_TAKE, "note_take") \
    X(QUEUE_LIST, "queue_list") \
    X(QUEUE_SUMS, "queue_sums") \
    X(QUEUE_KINDS, "queue_kinds") \
    X(STORE_SIZE, "store_size") \
    X(ARTIFACT_STAGE, "artifact_stage") \
    X(ARTIFACT_SETTLE, "artifact_settle") \
    X(ARTIFACT_PUBLISH, "artifact_publish") \
    X(ARTIFACT_STEP_BACK, "artifact_step_back") \
    X(ARTIFACT_HAS, "artifact_has") \
    X(ARTIFACT_REMOVE, "artifact_remove") \
    X(ARTIFACT_ERASE, "artifact_erase") \
    X(SERIES_ERASE, "series_erase") \
    X(SERIES_INSERT, "series_insert") \
    X(SERIES_TRIM, "series_trim") \
    X(ARTIFACT_GET, "artifact_get") \
    X(ARTIFACT_LIST, "artifact_list") \
    X(SERIES_GET, "series_get") \
    X(SERIES_LIST, "series_list") \
    X(BLOB_WANTED, "blob_wanted") \
    X(BLOB_PUT, "blob_put") \
    X(BLOB_CHECK_ADD, "blob_check_add") \
    X(BLOB_LOCK, "blob_lock") \
    X(BLOB_SIZE, "blob_size") \
    X(BLOB_READ, "blob_read") \
    X(SERVICE_TAKE, "service_take") \
    X(SERVICE_UNTIL, "service_until") \
    X(PARTITION_EXPIRED, "partition_expired") \
    X(PARTITION_DROP, "partition_drop") \
    X(REST_EXPIRE, "rest_expire") \
    X(ARTIFACT_EXPIRE, "artifact_expire") \
    X(BLOB_CHECK_NEXT, "blob_check_next") \
    X(BLOB_TRY_LOCK, "blob_try_lock") \
    X(BLOB_EXPIRE, "blob_expire") \
    X(BLOB_CHECK_DONE, "blob_check_done") \
    X(UNIQUE_EXPIRE, "unique_expire") \
    X(IDEMPOTENCY_EXPIRE, "idempotency_expire") \
    X(EXPIRE_NEXT, "expire_next") \
    X(COUNT_TRY_LOCK, "count_try_lock") \
    X(COUNT_TIDY, "count_tidy") \
    X(QUEUE_DELETE, "queue_delete") \
    X(QUEUE_LINES, "queue_lines") \
    X(WISH_TAKE, "wish_take") \
    X(NODE_JOIN, "node_join") \
    X(NODE_BEAT, "node_beat") \
    X(NODE_LOOK, "node_look") \
    X(NODE_STORE, "node_store") \
    X(NODE_LEAVE, "node_leave") \
    X(NODE_NOTIFY, "node_notify") \
    X(NODE_GRACE, "node_grace") \
    X(LINE_LOOK, "line_look") \
    X(READY_FIRST, "ready_first") \
    X(READY_KNOWN, "ready_known") \
    X(READY_LINES, "ready_lines") \
    X(CLAIM, "claim") \
    X(CLAIM_ONE_QUEUE, "claim_one_queue") \
    X(CLAIM_ANY_KIND, "claim_any_kind") \
    X(CLAIM_ANY_QUEUE, "claim_any_queue") \
    X(COPY_LOCK_KEY, "copy_lock_key") \
    X(COPY_LOCK, "copy_lock") \
    X(COPY_NODES, "copy_nodes") \
    X(COPY_IS_QUIET, "copy_is_quiet") \
    X(COPY_IS_EMPTY, "copy_is_empty") \
    X(COPY_FINGERPRINT, "copy_fingerprint") \
    X(COPY_PUT_META, "copy_put_meta") \
    X(COPY_DELETE_META, "copy_delete_meta") \
    X(COPY_SET_SEQUENCES, "copy_set_sequences") \
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
    X(COPY_READ_TALLY, "copy_read_tally") \
    X(COPY_WRITE_TALLY, "copy_write_tally") \
    X(COPY_READ_LINK, "copy_read_link") \
    X(COPY_READ_NOTE, "copy_read_note") \
    X(COPY_WRITE_LINK, "copy_write_link") \
    X(COPY_WRITE_NOTE, "copy_write_note") \
    X(COPY_WRITE_TENANT, "copy_write_tenant") \
    X(COPY_WRITE_API_KEY, "copy_write_api_key") \
    X(COPY_WRITE_QUEUE, "copy_write_queue") \
    X(COPY_WRITE_JOB, "copy_write_job") \
    X(COPY_WRITE_HISTORY, "copy_write_history") \
    X(COPY_WRITE_EVENT, "copy_write_event") \
    X(COPY_WRITE_UNIQUE_KEY, "copy_write_unique_key") \
    X(COPY_WRITE_IDEMPOTENCY, "copy_write_idempotency") \
    X(COPY_WRITE_ARTIFACT, "copy_write_artifact") \
    X(COPY_WRITE_SERIES_ENTRY, "copy_write_series_entry")
/* clang-format on */

#define PG_SQL_AS_ENUM(upper, name) PG_SQL_##upper,
enum pg_sql_query { PG_SQL_QUERIES(PG_SQL_AS_ENUM) PG_SQL_COUNT };

/* Reads the query files that the program carries, once. RC_FATAL: a query is missing (a bug of the build). Any thread. */
MUST_CHECK enum rc pg_sql_load(struct err *e);
const char *pg_sql(enum pg_sql_query q);

#endif
