/* err.c: see err.h. Nothing here allocates: a failure must be tellable when memory or disk is what failed. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* The arguments may point into e itself (a text being quoted), so the new text is made beside the old one. */
static void put_text(struct err *e, const char *format, va_list args) PRINTF_LIKE(2, 0);

static void put_text(struct err *e, const char *format, va_list args)
{
    char text[sizeof e->text + 4];
    int n = vsnprintf(text, sizeof text, format, args);

    if (n < 0) {
        n = 0;
    }
    if ((size_t)n >= sizeof text) {
        n = (int)sizeof text - 1;
    }
    str_copy(e->text, sizeof e->text, (struct str){text, (size_t)n});
}

enum rc err_set(struct err *e, enum rc rc, const char *format, ...)
{
    if (e) {
        va_list args;

        va_start(args, format);
        put_text(e, format, args);
        va_end(args);
        e->rc = rc;
        e->code = NULL;
        e->field[0] = '\0';
    }
    return rc;
}

enum rc err_set_code(struct err *e, enum rc rc, const char *code, const char *field, const char *format, ...)
{
    if (e) {
        va_list args;

        va_start(args, format);
        put_text(e, format, args);
        va_end(args);
        e->rc = rc;
        e->code = code;
        if (field != e->field) {
            str_copy(e->field, sizeof e->field, str_from(field));
        }
    }
    return rc;
}

enum rc err_wrap(struct err *e, enum rc rc, const char *format, ...)
{
    if (e) {
        char both[2 * sizeof e->text + 4];
        char old[sizeof e->text];
        va_list args;

        str_copy(old, sizeof old, str_from(e->text));
        va_start(args, format);
        put_text(e, format, args);
        va_end(args);
        e->rc = rc;
        if (old[0] != '\0') {
            str_print(both, sizeof both, "%s: %s", e->text, old);
            str_copy(e->text, sizeof e->text, str_from(both));
        }
    }
    return rc;
}

enum rc err_from_errno(struct err *e, int errno_value, const char *what)
{
    const char *why = strerrordesc_np(errno_value);
    enum rc rc = RC_FATAL;

    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        rc = RC_FULL;
        break;
    case ENOENT:
        rc = RC_NOT_FOUND;
        break;
    case EACCES:
    case EPERM:
        rc = RC_DENIED;
        break;
    case EAGAIN:
        rc = RC_BUSY;
        break;
    default:
        break;
    }
    if (!why) {
        return err_set(e, rc, "%s: error %d", what, errno_value);
    }
    return err_set(e, rc, "%s: %s", what, why);
}

void err_clear(struct err *e)
{
    if (e) {
        e->rc = RC_OK;
        e->code = NULL;
        e->field[0] = '\0';
        e->text[0] = '\0';
    }
}

const char *rc_name(enum rc rc)
{
    static const char *const names[] = {
        [RC_OK] = "ok",           [RC_INVALID] = "invalid",   [RC_NOT_FOUND] = "not_found",
        [RC_DENIED] = "denied",   [RC_CONFLICT] = "conflict", [RC_LEASE_LOST] = "lease_lost",
        [RC_TOO_BIG] = "too_big", [RC_BUSY] = "busy",         [RC_FULL] = "full",
        [RC_FATAL] = "fatal",
    };

    if ((size_t)rc >= sizeof names / sizeof names[0]) {
        return "unknown";
    }
    return names[rc];
}
