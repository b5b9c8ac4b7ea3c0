/* report_write.c: an item of POST /v1/reports, as clients send it. What report.c reads of it is what was written. */
#include "base/encoding.h"
#include "core/limits.h"
#include "wire/ops.h"
#include "wire/put.h"
#include "wire/wire.h"

static void put_base64(struct json_out *w, struct str bytes)
{
    char *text = mem_alloc(BASE64_TEXT_BYTES(bytes.n));
    json_put_str(w, "base64", (struct str){text, base64_encode(BASE64_STANDARD, bytes, text)});
    mem_free(text);
}

/* What is text goes as text: as base64 it is a third longer, and that is read and hashed byte by byte. Without a media type it would be
 * taken for plain text; NULs no text may have. */
static bool goes_as_text(const struct report_artifact *artifact)
{
    struct str s = artifact->bytes;
    return artifact->media_type.n > 0 && str_is_utf8(s) && str_find_char(s, '\0', 0) == s.n;
}

static void write_artifact(struct json_out *w, const struct report_artifact *artifact)
{
    json_object_begin(w);
    json_put_str(w, "name", artifact->name);
    if (artifact->media_type.n > 0) {
        json_put_str(w, "media_type", artifact->media_type);
    }
    if (goes_as_text(artifact)) {
        json_put_str(w, "text", artifact->bytes);
    } else {
        put_base64(w, artifact->bytes);
    }
    json_object_end(w);
}

static void write_told(struct json_out *w, const struct report *r)
{
    if (r->progress_permille >= 0) {
        json_put_real(w, "percent", (double)r->progress_permille / 10);
    }
    if (r->progress_message.p) {
        json_put_str(w, "message", r->progress_message);
    }
    if (r->checkpoint.p) {
        json_put_raw(w, "checkpoint", r->checkpoint);
    }
    if (r->event_count > 0) {
        json_name(w, "events");
        json_array_begin(w);
        for (size_t i = 0; i < r->event_count; i++) {
            json_object_begin(w);
            json_put_str(w, "type", r->events[i].type);
            json_put_raw(w, "data", r->events[i].data);
            if (r->events[i].at_root) {
                json_put_bool(w, "root", true);
            }
            json_object_end(w);
        }
        json_array_end(w);
    }
    if (r->artifact_count > 0) {
        json_name(w, "artifacts");
        json_array_begin(w);
        for (size_t i = 0; i < r->artifact_count; i++) {
            write_artifact(w, &r->artifacts[i]);
        }
        json_array_end(w);
    }
}

static void write_children(struct json_out *w, const struct report *r)
{
    json_name(w, "children");
    json_array_begin(w);
    for (size_t i = 0; i < r->child_count; i++) {
        wire_spec_write(w, &r->children[i]);
    }
    json_array_end(w);
}

static void write_tokens(struct json_out *w, const char *name, const struct report_tokens *list, size_t count)
{
    if (count == 0) {
        return;
    }
    struct buf key = BUF_LIMIT(LIMIT_KEY_MAX_BYTES + 1);
    json_name(w, name);
    json_object_begin(w);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&key);
        buf_append_str(&key, list[i].key);
        json_put_int(w, buf_c_str(&key), list[i].n);
    }
    json_object_end(w);
    buf_dispose(&key);
}

static void write_completion(struct json_out *w, const struct report *r)
{
    if (r->result.n > 0) {
        json_put_raw(w, "result", r->result);
    }
    if (r->publish_count == 0) {
        return;
    }
    json_name(w, "publish");
    json_array_begin(w);
    for (size_t i = 0; i < r->publish_count; i++) {
        json_object_begin(w);
        json_put_str(w, "artifact", r->publish[i].artifact);
        json_put_str(w, "series", r->publish[i].series);
        json_put_int(w, "keep", r->publish[i].keep);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_failure(struct json_out *w, const struct report *r)
{
    json_name(w, "error");
    json_object_begin(w);
    json_put_c(w, "class", error_class_name(r->error.class));
    if (r->error.code.n > 0) {
        json_put_str(w, "code", r->error.code);
    }
    json_put_str(w, "message", r->error.message);
    if (r->error.stack.n > 0) {
        json_put_str(w, "stack", r->error.stack);
    }
    json_object_end(w);
    if (r->retry_after_ms >= 0) {
        wire_put_seconds(w, "retry_after_s", r->retry_after_ms);
    }
    if (r->pause_key.n > 0) {
        json_put_str(w, "pause_key", r->pause_key);
    }
}

void wire_report_write(struct json_out *w, const struct report *r)
{
    json_object_begin(w);
    json_put_id(w, "job", r->job);
    json_put_int(w, "lease", r->lease);
    json_put_int(w, "n", r->n);
    json_put_c(w, "op", wire_op_names[r->op]);
    if ((r->op == REPORT_HEARTBEAT || r->op == REPORT_PROGRESS) && r->lease_ms > 0) {
        wire_put_seconds(w, "lease_s", r->lease_ms);
    }
    if (r->op != REPORT_HEARTBEAT) {
        write_told(w, r);
    }
    if (r->child_count > 0) {
        write_children(w, r);
    }
    write_tokens(w, "take", r->take, r->take_count);
    write_tokens(w, "correct", r->correct, r->correct_count);
    if (r->op == REPORT_COMPLETE) {
        write_completion(w, r);
    } else if (r->op == REPORT_FAIL) {
        write_failure(w, r);
    } else if (r->op == REPORT_SNOOZE) {
        wire_put_seconds(w, "delay_s", r->delay_ms);
    }
    json_object_end(w);
}
