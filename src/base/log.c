/* log.c: see log.h. A line is made in memory and written with one write(2), so that lines of threads and of child
 * processes that share the file never mix. A line that cannot be written is lost: logging never stops the work. */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

#define MAX_LINE_BYTES  ((size_t)16 << 10)
#define MAX_VALUE_BYTES ((size_t)1 << 10)

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

static _Atomic int min_level = LOG_INFO;

void log_set_level(enum log_level level)
{
    min_level = (int)level;
}

bool log_level_parse(struct str name, enum log_level *out)
{
    for (size_t k = 0; k < sizeof level_names / sizeof level_names[0]; k++) {
        if (str_eq(str_from(level_names[k]), name)) {
            *out = (enum log_level)k;
            return true;
        }
    }
    return false;
}

static bool is_plain(struct str s)
{
    for (size_t k = 0; k < s.n; k++) {
        unsigned char c = (unsigned char)s.p[k];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F) {
            return false;
        }
    }
    return s.n > 0 && str_is_utf8(s);
}

static void put_text(struct buf *line, struct str s)
{
    char cut[MAX_VALUE_BYTES];

    if (s.n >= sizeof cut) {
        str_copy(cut, sizeof cut, s);
        s = str_from(cut); /* a zero byte ends it early: nothing worth logging follows one */
    }
    if (is_plain(s)) {
        buf_append_str(line, s);
        return;
    }
    struct json_out w = json_writer(line);

    json_str(&w, s);
}

static void put_value(struct buf *line, const struct log_value *v)
{
    struct json_out w = json_writer(line);

    buf_append_char(line, ' ');
    buf_append_c(line, v->key);
    buf_append_char(line, '=');
    switch (v->type) {
    case LOG_V_STR:
        put_text(line, v->s);
        break;
    case LOG_V_INT:
        json_int(&w, v->i);
        break;
    case LOG_V_ID:
        buf_append(line, id_text(v->id).s, ID_TEXT_BYTES);
        break;
    }
}

static void put_line(struct str line)
{
    while (line.n > 0) {
        ssize_t n = write(STDERR_FILENO, line.p, line.n);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return;
        }
        line = str_sub(line, (size_t)n, line.n);
    }
}

void log_write(enum log_level level, const char *name, const struct log_value *values, size_t count)
{
    if ((int)level < min_level) {
        return;
    }
    struct buf line = BUF_LIMIT(MAX_LINE_BYTES);

    buf_append(&line, time_text(clock_wall_ms()).s, TIME_TEXT_BYTES);
    buf_append_char(&line, ' ');
    buf_append_c(&line, level_names[level]);
    buf_append_char(&line, ' ');
    buf_append_c(&line, name);
    for (size_t k = 0; k < count; k++) {
        put_value(&line, &values[k]);
    }
    if (line.overflowed) {
        line.overflowed = false;
        line.n = line.n < MAX_LINE_BYTES ? line.n : MAX_LINE_BYTES - 1;
    }
    buf_append_char(&line, '\n');
    put_line(buf_str(&line));
    buf_dispose(&line);
}
