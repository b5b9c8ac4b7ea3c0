/* messages.h: what the supervisor and the child of a slot say to each other: one JSON object a line, over a socket pair.
 *
 *   supervisor → child   {"job":{…as claimed…},"scratch":"/path","options":{"name":"value"}}
 *                        {"cancel":true}
 *                        {"fetched":{"found":true,"result":{…}}}   or {"found":false,"error":"…"}
 *                        {"fetched":{"grown":81920}}   so many bytes of what is asked for are there, more is on its way
 *                        {"taken":{"wait_ms":0}}   0 = granted; with "error" when the server refused to say
 *   child → supervisor   {"ready":true}   once, when it is there
 *                        {"progress":{"permille":410,"message":"…"}}   {"event":{"type":"…","data":…,"root":false}}
 *                        {"checkpoint":…}   {"artifact":{"name","media_type","path","series","keep"}}
 *                        {"series":{"name":"…","path":"…"}}   {"batch":{"id":"…","path":"…"}}
 *                        {"take":{"key":900}}   {"correct":{"key":-340}}
 *                        {"children":{"of":"…","path":"…"}}   {"artifacts":{"name":"…","path":"…"}}
 *                        {"text":{"name","media_type","text"}}   {"child":{…as POST /v1/jobs takes it…}}
 *                        {"complete":…}   {"wait":…checkpoint…}   {"fail":{"class","code","message","retry_after_ms","pause_key"}}
 *
 * After `complete`, `wait` or `fail` the child waits for its next job. */
#ifndef STINT_WORKER_MESSAGES_H
#define STINT_WORKER_MESSAGES_H

#include "base/buf.h"
#include "base/json.h"

#define MESSAGE_FD             3 /* in the child */
#define MESSAGE_MAX_BYTES      (8 << 20)
#define MESSAGE_TEXT_MAX_BYTES (192 << 10) /* a longer artifact is a file */

/* Cuts the first whole line out of `in` (without its end) into *line, which is good until `in` changes; the caller drops
 * *used bytes afterwards. False: no whole line yet. */
MUST_CHECK bool message_next(const struct buf *in, struct str *line, size_t *used);
/* Ends the line: a message that carries somebody's JSON has the line breaks that this has between its values; they become blanks. */
void message_end_line(struct buf *line);
/* Blocking, whole, signals survived. RC_BUSY: the other side is gone. */
MUST_CHECK enum rc message_send(int fd, struct str line, struct err *e);

#endif
