/* copy_rows.c: see copy_rows.h. Another column or table in the schema? It belongs here too, or a copy would lose it: the test
 * every_column_of_the_schema_is_copied_or_told says so. */
#include "store/copy_rows.h"

#include <string.h>

static const struct copy_column tenant[] = {{"id", COPY_INT}, {"name", COPY_TEXT}, {"created_at", COPY_INT}};

static const struct copy_column api_key[] = {
    {"public_id", COPY_TEXT}, {"tenant", COPY_INT},     {"hash", COPY_BYTES},  {"name", COPY_TEXT},
    {"last4", COPY_TEXT},     {"scopes", COPY_INT},     {"queues", COPY_TEXT}, {"created_at", COPY_INT},
    {"expires_at", COPY_INT}, {"revoked_at", COPY_INT},
};

/* Settings and totals; how many jobs are in which state the target counts for itself. */
static const struct copy_column queue[] = {
    {"tenant", COPY_INT},           {"name", COPY_TEXT},
    {"is_paused", COPY_INT},        {"is_deleted", COPY_INT},
    {"lease_ms", COPY_INT},         {"timeout_ms", COPY_INT},
    {"max_attempts", COPY_INT},     {"retry_base_ms", COPY_INT},
    {"priority", COPY_INT},         {"retain_completed_ms", COPY_INT},
    {"retain_failed_ms", COPY_INT}, {"retain_cancelled_ms", COPY_INT},
    {"max_queued", COPY_INT},       {"age_step_ms", COPY_INT},
    {"enqueued_total", COPY_INT},   {"completed_total", COPY_INT},
    {"failed_total", COPY_INT},     {"cancelled_total", COPY_INT},
    {"lost_total", COPY_INT},       {"retried_total", COPY_INT},
    {"group_weights", COPY_TEXT},
};

/* Times that are not set are 0, whatever the engine fills up. */
static const struct copy_column job[] = {
    {"id", COPY_ID},
    {"tenant", COPY_INT},
    {"queue", COPY_TEXT},
    {"kind", COPY_TEXT},
    {"state", COPY_INT},
    {"priority", COPY_INT},
    {"run_at", COPY_INT},
    {"due_at", COPY_INT},
    {"flags", COPY_INT},
    {"lease", COPY_INT},
    {"lease_ms", COPY_INT},
    {"lease_until", COPY_INT},
    {"timeout_ms", COPY_INT},
    {"timeout_at", COPY_INT},
    {"cancel_at", COPY_INT},
    {"deadline_at", COPY_INT},
    {"attempt", COPY_INT},
    {"lost", COPY_INT},
    {"lost_max", COPY_INT},
    {"snoozes", COPY_INT},
    {"waits", COPY_INT},
    {"round", COPY_INT},
    {"reason", COPY_INT},
    {"report_n", COPY_INT},
    {"report_hash", COPY_INT},
    {"report_verdict", COPY_INT},
    {"last_seq", COPY_INT},
    {"progress", COPY_INT},
    {"started_at", COPY_INT},
    {"finished_at", COPY_INT},
    {"expires_at", COPY_INT},
    {"worker", COPY_TEXT},
    {"progress_message", COPY_TEXT},
    {"retry", COPY_TEXT},
    {"unique_key", COPY_TEXT},
    {"tags", COPY_TEXT},
    {"fair_group", COPY_TEXT},
    {"limit_keys", COPY_TEXT},
    {"error_class", COPY_INT},
    {"error_code", COPY_TEXT},
    {"error_message", COPY_TEXT},
    {"error_stack", COPY_TEXT},
    {"checkpoint", COPY_TEXT},
    {"result", COPY_TEXT},
    {"args", COPY_TEXT},
    {"parent", COPY_ID},
    {"root", COPY_ID},
    {"batch", COPY_ID},
};

static const struct copy_column event[] = {
    {"job", COPY_ID}, {"seq", COPY_INT}, {"at", COPY_INT}, {"type", COPY_TEXT}, {"data", COPY_TEXT}};

static const struct copy_column unique_key[] = {{"tenant", COPY_INT},
                                                {"scope", COPY_INT},
                                                {"key", COPY_TEXT},
                                                {"job", COPY_ID},
                                                {"held_until", COPY_INT}};

static const struct copy_column idempotency[] = {{"tenant", COPY_INT},
                                                 {"key", COPY_TEXT},
                                                 {"body_hash", COPY_BYTES},
                                                 {"verdicts", COPY_BYTES},
                                                 {"expires_at", COPY_INT}};

static const struct copy_column artifact[] = {
    {"job", COPY_ID},     {"name", COPY_TEXT},       {"lease", COPY_INT},
    {"tenant", COPY_INT}, {"media_type", COPY_TEXT}, {"sha256", COPY_BYTES},
    {"size", COPY_INT},   {"created_at", COPY_INT},  {"bytes", COPY_BYTES}};

/* By its number, which is the same in the target: the newest of a series has the greatest. artifact: its name; lease: its. */
static const struct copy_column series_entry[] = {
    {"id", COPY_INT},        {"tenant", COPY_INT}, {"name", COPY_TEXT},        {"job", COPY_ID},
    {"artifact", COPY_TEXT}, {"lease", COPY_INT},  {"published_at", COPY_INT}, {"result", COPY_TEXT}};

/* When it is due follows from the next tick and the pause. */
static const struct copy_column schedule[] = {
    {"tenant", COPY_INT},  {"name", COPY_TEXT},   {"definition", COPY_TEXT}, {"is_paused", COPY_INT},
    {"version", COPY_INT}, {"next_at", COPY_INT}, {"last_tick", COPY_INT},   {"last_job", COPY_ID},
    {"fired", COPY_INT},   {"dropped", COPY_INT}, {"created_at", COPY_INT},  {"updated_at", COPY_INT}};

static const struct copy_column tally[] = {{"owner", COPY_ID},      {"open", COPY_INT},
                                           {"completed", COPY_INT}, {"failed", COPY_INT},
                                           {"cancelled", COPY_INT}, {"skipped", COPY_INT}};

static const struct copy_column note[] = {
    {"what", COPY_INT}, {"id", COPY_INT}, {"tenant", COPY_INT}, {"job", COPY_ID}, {"round", COPY_INT}};

static const struct copy_column link[] = {{"job", COPY_ID}, {"on_job", COPY_ID}, {"round", COPY_INT}};

static const struct copy_column batch[] = {{"id", COPY_ID},        {"tenant", COPY_INT},
                                           {"max_jobs", COPY_INT}, {"name", COPY_TEXT},
                                           {"labels", COPY_TEXT},  {"finally", COPY_TEXT}};

static const struct copy_column limit_key[] = {
    {"tenant", COPY_INT},       {"key", COPY_TEXT},        {"is_set", COPY_INT},    {"concurrency", COPY_INT},
    {"rate", COPY_INT},         {"period_ms", COPY_INT},   {"burst", COPY_INT},     {"full_at_us", COPY_INT},
    {"paused_until", COPY_INT}, {"is_adaptive", COPY_INT}, {"cut_micro", COPY_INT}, {"cut_at", COPY_INT}};

#define SHAPE(name, keys)                                                                                    \
    {                                                                                                        \
#name, (keys), sizeof(name) / sizeof((name)[0]), (name)                                              \
    }

const struct copy_shape copy_shapes[COPY_TABLES] = {
    [COPY_TENANT] = SHAPE(tenant, 1),
    [COPY_API_KEY] = SHAPE(api_key, 1),
    [COPY_QUEUE] = SHAPE(queue, 2),
    [COPY_JOB] = SHAPE(job, 1),
    [COPY_EVENT] = SHAPE(event, 2),
    [COPY_UNIQUE_KEY] = SHAPE(unique_key, 3),
    [COPY_IDEMPOTENCY] = SHAPE(idempotency, 2),
    [COPY_ARTIFACT] = SHAPE(artifact, 3),
    [COPY_SERIES_ENTRY] = SHAPE(series_entry, 1),
    [COPY_SCHEDULE] = SHAPE(schedule, 2),
    [COPY_TALLY] = SHAPE(tally, 1),
    [COPY_NOTE] = SHAPE(note, 2),
    [COPY_LINK] = SHAPE(link, 2),
    [COPY_BATCH] = SHAPE(batch, 1),
    [COPY_LIMIT] = SHAPE(limit_key, 2),
};

_Static_assert(sizeof job / sizeof job[0] == COPY_COLUMNS_MAX, "job has the most columns");

/* ---- values */

struct copy_value *copy_row(const struct copy_rows *r, size_t row)
{
    return r->values + row * (size_t)r->shape->column_count;
}

struct copy_value copy_number(int64_t number)
{
    return (struct copy_value){.number = number};
}

struct copy_value copy_text(struct str text)
{
    return (struct copy_value){.is_null = !text.p, .text = text};
}

struct copy_value copy_id(struct arena *a, struct id id)
{
    return (struct copy_value){.text = arena_str(a, (struct str){(const char *)id.b, sizeof id.b})};
}

struct id copy_get_id(const struct copy_value *v)
{
    struct id id = {0};
    if (v->text.n == sizeof id.b) {
        memcpy(id.b, v->text.p, sizeof id.b);
    }
    return id;
}

/* ---- keys */

void copy_first_key(const struct copy_shape *s, struct copy_value *out)
{
    static const char zeros[sizeof(struct id)];
    for (int i = 0; i < s->key_count; i++) {
        out[i] = s->columns[i].type == COPY_INT
                     ? copy_number(INT64_MIN)
                     : copy_text((struct str){zeros, s->columns[i].type == COPY_ID ? sizeof zeros : 0});
    }
}

void copy_keep_key(const struct copy_shape *s, const struct copy_value *row, struct arena *a,
                   struct copy_value *out)
{
    for (int i = 0; i < s->key_count; i++) {
        out[i] = s->columns[i].type == COPY_INT ? row[i] : copy_text(arena_str(a, row[i].text));
    }
}

int copy_compare_keys(const struct copy_shape *s, const struct copy_value *a, const struct copy_value *b)
{
    int order = 0;
    for (int i = 0; i < s->key_count && !order; i++) {
        order = s->columns[i].type == COPY_INT ? (a[i].number > b[i].number) - (a[i].number < b[i].number)
                                               : str_compare(a[i].text, b[i].text);
    }
    return order;
}

static bool is_equal(enum copy_type type, const struct copy_value *a, const struct copy_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null == b->is_null;
    }
    return type == COPY_INT ? a->number == b->number : str_eq(a->text, b->text);
}

int copy_first_difference(const struct copy_shape *s, const struct copy_value *a, const struct copy_value *b)
{
    int column = 0;
    while (column < s->column_count && is_equal(s->columns[column].type, a + column, b + column)) {
        column++;
    }
    return column;
}

/* For a message: bytes that are no text as \\xNN. */
static struct str printable(struct str s, struct arena *a)
{
    char *to = arena_alloc(a, 4 * s.n + 1);
    size_t n = 0;
    if (str_is_text(s)) {
        return s;
    }
    for (size_t i = 0; i < s.n; i++) {
        bool is_plain = s.p[i] >= ' ' && s.p[i] < 0x7f;
        n += str_print(to + n, 5, is_plain ? "%c" : "\\x%02x", (unsigned char)s.p[i]);
    }
    return (struct str){to, n};
}

enum rc copy_expect_text(const struct copy_rows *rows, struct arena *a, struct err *e)
{
    const struct copy_shape *s = rows->shape;
    for (size_t i = 0; i < rows->count; i++) {
        for (int column = 0; column < s->column_count; column++) {
            const struct copy_value *v = copy_row(rows, i) + column;
            if (s->columns[column].type != COPY_TEXT || v->is_null || str_is_text(v->text)) {
                continue;
            }
            struct str advice =
                s == &copy_shapes[COPY_IDEMPOTENCY]
                    ? STR("start a server on the source 24 hours after the request that had it, which "
                          "forgets it")
                    : arena_printf(a, "change it in the source (sqlite3: UPDATE %s SET %s = ...)", s->name,
                                   s->columns[column].name);
            return err_set(
                e, RC_FATAL,
                "row %.*s: %s is no UTF-8 text, as older releases took it and PostgreSQL does not: "
                "%.*s, remove the unfinished target and begin again",
                STR_ARG(copy_key_text(s, copy_row(rows, i), a)), s->columns[column].name, STR_ARG(advice));
        }
    }
    return RC_OK;
}

struct str copy_key_text(const struct copy_shape *s, const struct copy_value *row, struct arena *a)
{
    struct str text = STR("");
    for (int i = 0; i < s->key_count; i++) {
        const char *comma = i ? ", " : "";
        if (s->columns[i].type == COPY_INT) {
            text = arena_printf(a, "%.*s%s%lld", STR_ARG(text), comma, (long long)row[i].number);
        } else if (s->columns[i].type == COPY_ID) {
            text = arena_printf(a, "%.*s%s%s", STR_ARG(text), comma, id_text(copy_get_id(row + i)).s);
        } else {
            text =
                arena_printf(a, "%.*s%s\"%.*s\"", STR_ARG(text), comma, STR_ARG(printable(row[i].text, a)));
        }
    }
    return text;
}

/* ---- bytes: n · i and 8 bytes · s, 4 bytes of length, the text */

void copy_encode(const struct copy_value *values, int count, struct buf *out)
{
    for (int i = 0; i < count; i++) {
        const struct copy_value *v = values + i;
        uint32_t n = (uint32_t)v->text.n;
        if (v->is_null) {
            buf_append_char(out, 'n');
        } else if (!v->text.p) {
            buf_append_char(out, 'i');
            buf_append(out, &v->number, sizeof v->number);
        } else {
            buf_append_char(out, 's');
            buf_append(out, &n, sizeof n);
            buf_append(out, v->text.p, v->text.n);
        }
    }
}

static bool take(struct str *bytes, void *to, size_t n)
{
    if (bytes->n < n) {
        return false;
    }
    memcpy(to, bytes->p, n);
    *bytes = str_sub(*bytes, n, SIZE_MAX);
    return true;
}

bool copy_decode(struct str *bytes, struct copy_value *values, int count)
{
    bool is_good = true;
    for (int i = 0; i < count && is_good; i++) {
        char tag = 0;
        uint32_t n = 0;
        values[i] = (struct copy_value){0};
        is_good = take(bytes, &tag, 1);
        if (is_good && tag == 'n') {
            values[i].is_null = true;
        } else if (is_good && tag == 'i') {
            is_good = take(bytes, &values[i].number, sizeof values[i].number);
        } else if (is_good && tag == 's' && take(bytes, &n, sizeof n) && n <= bytes->n) {
            values[i].text = str_sub(*bytes, 0, n);
            *bytes = str_sub(*bytes, n, SIZE_MAX);
        } else {
            is_good = false;
        }
    }
    return is_good;
}

size_t copy_row_bytes(const struct copy_shape *s, const struct copy_value *row)
{
    size_t bytes = 0;
    for (int i = 0; i < s->column_count; i++) {
        bytes += 8 + row[i].text.n;
    }
    return bytes;
}

uint64_t copy_checksum(uint64_t sum, struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i++) {
        sum = (sum ^ (unsigned char)bytes.p[i]) * 1099511628211ULL;
    }
    return sum;
}
