/* log.h: one line, one event: `time level name key=value …` on standard error. Names stand in docs/events.md (checked).
 * error: a person must act. warn: a person should know. info: a state changed. debug: everything else.
 * Never a secret, a prompt or a body. Values with blanks, quotes or control bytes are written as JSON strings. */
#ifndef STINT_BASE_LOG_H
#define STINT_BASE_LOG_H

#include "base/id.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_value {
    const char *key;
    enum { LOG_V_STR, LOG_V_INT, LOG_V_ID } type;
    struct str s;
    int64_t i;
    struct id id;
};

#define L_STR(k, v) ((struct log_value){.key = (k), .type = LOG_V_STR, .s = (v)})
#define L_C(k, v)   ((struct log_value){.key = (k), .type = LOG_V_STR, .s = str_from(v)})
#define L_INT(k, v) ((struct log_value){.key = (k), .type = LOG_V_INT, .i = (int64_t)(v)})
#define L_ID(k, v)  ((struct log_value){.key = (k), .type = LOG_V_ID, .id = (v)})

/* log_info("job.claimed", L_ID("id", id), L_STR("queue", q)); any thread. */
#define log_event(level, name, ...)                                                                          \
    log_write((level), (name), (const struct log_value[]){__VA_ARGS__},                                      \
              sizeof((struct log_value[]){__VA_ARGS__}) / sizeof(struct log_value))
#define log_debug(name, ...) log_event(LOG_DEBUG, name, __VA_ARGS__)
#define log_info(name, ...)  log_event(LOG_INFO, name, __VA_ARGS__)
#define log_warn(name, ...)  log_event(LOG_WARN, name, __VA_ARGS__)
#define log_error(name, ...) log_event(LOG_ERROR, name, __VA_ARGS__)

void log_write(enum log_level level, const char *name, const struct log_value *values, size_t count);
void log_set_level(enum log_level level); /* info at start */
MUST_CHECK bool log_level_parse(struct str name, enum log_level *out);

#endif
