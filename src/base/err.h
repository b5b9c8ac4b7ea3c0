/* err.h: how a function says that it failed. The code is for callers, the text for people.
 * Each code exists because some caller acts differently on it; nothing else becomes a code. */
#ifndef STINT_BASE_ERR_H
#define STINT_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum rc {
    RC_OK = 0,
    RC_INVALID,    /* the request is wrong; the same request will never succeed */
    RC_NOT_FOUND,  /* no such thing, or it belongs to somebody else */
    RC_DENIED,     /* the caller may not do this */
    RC_CONFLICT,   /* the thing is in a state that forbids it */
    RC_LEASE_LOST, /* the caller no longer holds the lease it names */
    RC_TOO_BIG,    /* over a limit that has a name */
    RC_BUSY,       /* not now: draining, contended or overloaded; ask again */
    RC_FULL,       /* no space left on the store's disk */
    RC_FATAL,      /* the store or the program can no longer be trusted */
};

/* Room for one failure; lives on the caller's stack. `code` names the API's own word for it when it is more exact
 * than the rc (`duplicate_key`, `stale_report`), else NULL; it always points to a string literal.
 * `field` is the JSON path of the offending member (`/jobs/3/queue`), or "". */
struct err {
    enum rc rc;
    const char *code;
    char field[96];
    char text[400];
};

/* Sets code and text; returns rc, so that `return err_set(e, RC_INVALID, "…")` reads well. e may be NULL. */
enum rc err_set(struct err *e, enum rc rc, const char *format, ...) PRINTF_LIKE(3, 4);
/* As err_set, with the API's word and the field at fault (either may be NULL). */
enum rc err_set_code(struct err *e, enum rc rc, const char *code, const char *field, const char *format, ...)
    PRINTF_LIKE(5, 6);
/* Puts "context: " before the text on the way up; keeps code and field. Returns rc. */
enum rc err_wrap(struct err *e, enum rc rc, const char *format, ...) PRINTF_LIKE(3, 4);
/* The rc of an errno: ENOSPC, EDQUOT = FULL; ENOENT = NOT_FOUND; EACCES, EPERM = DENIED; EAGAIN = BUSY; else FATAL.
 * The text is "what: description of errno_value". */
enum rc err_from_errno(struct err *e, int errno_value, const char *what);
void err_clear(struct err *e);
const char *rc_name(enum rc rc);

#endif
