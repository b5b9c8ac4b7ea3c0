/* put.h: what the writers of this folder and of api/ share. */
#ifndef STINT_WIRE_PUT_H
#define STINT_WIRE_PUT_H

#include "base/json.h"

/* Text, or null when it is empty. */
void wire_put_text(struct json_out *w, const char *name, struct str s);
/* An id, or null when it is zero. */
void wire_put_id(struct json_out *w, const char *name, struct id id);
/* Milliseconds as JSON seconds; JOB_FOREVER_MS as "forever". */
void wire_put_seconds(struct json_out *w, const char *name, int64_t ms);
/* {"percent","message"} */
void wire_progress_write(struct json_out *w, int64_t permille, struct str message);

#endif
