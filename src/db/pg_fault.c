/* pg_fault.c: what a failure of PostgreSQL means, from its SQLSTATE, and the words for it. */
#include "db/pg_private.h"

#include <string.h>

/* The first row whose beginning matches. */
static const struct {
    const char *begin;
    enum pg_fault fault;
} faults[] = {
    {"40001", PG_RETRY},     {"40P01", PG_RETRY},   {"26000", PG_RETRY}, /* the prepared statement is gone */
    {"0A000", PG_RETRY}, /* its plan is outdated: a migration passed by */
    {"55P03", PG_LOCKED},    {"57014", PG_TIMEOUT}, {"25P03", PG_LOST},    {"57P05", PG_LOST},
    {"57P0", PG_LOST},       {"08", PG_LOST},       {"53100", PG_FULL},    {"53", PG_OVERLOADED},
    {"25006", PG_READ_ONLY}, {"25P02", PG_ABORTED}, {"42501", PG_DENIED},  {"28", PG_DENIED},
    {"3D000", PG_MISSING},   {"3F000", PG_MISSING}, {"42P01", PG_MISSING}, {"42703", PG_MISSING},
    {"42883", PG_MISSING},   {"23", PG_CONSTRAINT}, {"22", PG_DATA},       {"54", PG_DATA},
};

static const struct {
    const char *name;
    enum rc rc;
} meanings[] = {
    [PG_NONE] = {"none", RC_OK},
    [PG_ABORTED] = {"aborted", RC_BUSY},
    [PG_RETRY] = {"retry", RC_BUSY},
    [PG_LOCKED] = {"locked", RC_BUSY},
    [PG_TIMEOUT] = {"timeout", RC_BUSY},
    [PG_FULL] = {"full", RC_FULL},
    [PG_OVERLOADED] = {"overloaded", RC_BUSY},
    [PG_READ_ONLY] = {"read_only", RC_BUSY},
    [PG_DENIED] = {"denied", RC_DENIED},
    [PG_MISSING] = {"missing", RC_NOT_FOUND},
    [PG_CONSTRAINT] = {"constraint", RC_CONFLICT},
    [PG_DATA] = {"data", RC_INVALID},
    [PG_LOST] = {"lost", RC_BUSY},
    [PG_UNKNOWN] = {"unknown", RC_BUSY},
    [PG_OTHER] = {"other", RC_FATAL},
};

const char *pg_fault_name(enum pg_fault fault)
{
    return meanings[fault].name;
}

enum rc pg_rc_of_fault(enum pg_fault fault)
{
    return meanings[fault].rc;
}

enum pg_fault pg_fault_of_sqlstate(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strncmp(sqlstate, faults[i].begin, strlen(faults[i].begin)) == 0) {
            return faults[i].fault;
        }
    }
    return PG_OTHER;
}

struct str pg_first_line(const char *text)
{
    struct str s = str_trim(str_from(text));
    return str_trim(str_sub(s, 0, str_find_char(s, '\n', 0)));
}

static enum rc fail(struct pg *c, enum pg_fault fault, const char *sqlstate)
{
    c->fault = fault;
    str_copy(c->sqlstate, sizeof c->sqlstate, str_from(sqlstate));
    return pg_rc_of_fault(fault);
}

static const char *why_read_only(const struct pg *c)
{
    return c->is_standby
               ? "is a standby and takes no writes: name the primary, or all of them "
                 "(postgresql://a,b/database?target_session_attrs=read-write)"
               : "takes no writes: its transactions are read-only by default "
                 "(default_transaction_read_only): set it to off for the role, the database or the server";
}

enum rc pg_expect_writes(struct pg *c, struct err *e)
{
    if (!c->is_standby && !c->is_read_only) {
        return RC_OK;
    }
    enum rc rc = fail(c, PG_READ_ONLY, "");
    return err_set(e, rc, "postgresql: %s %s", c->host, why_read_only(c));
}

static bool is_commit_due(struct pg *c)
{
    bool is_skipped = c->is_batch_aborted;
    for (size_t i = 0; i < c->due_count; i++) {
        const struct pg_due *d = pg_due_at(c, i);
        if (d->kind == PG_DUE_SYNC) {
            is_skipped = false;
        } else if (!is_skipped && d->kind == PG_DUE_STATEMENT && d->statement->is_commit) {
            return true;
        }
    }
    return false;
}

enum rc pg_fail_sticky(struct pg *c, struct err *e)
{
    return err_set(e, pg_rc_of_fault(c->fault), "postgresql: %s", c->lost_text);
}

static enum rc lose(struct pg *c, enum pg_fault fault, const char *sqlstate, struct str why, struct err *e)
{
    c->is_lost = true;
    (void)fail(c, fault, sqlstate);
    (void)str_print(c->lost_text, sizeof c->lost_text, "%.*s", STR_ARG(why));
    return pg_fail_sticky(c, e);
}

enum rc pg_fail_lost(struct pg *c, const char *why, struct err *e)
{
    struct str text = why ? str_from(why) : pg_first_line(PQerrorMessage(c->handle));
    if (c->is_lost) {
        return pg_fail_sticky(c, e);
    }
    return lose(c, is_commit_due(c) ? PG_UNKNOWN : PG_LOST, "", text.n ? text : STR("the connection is gone"),
                e);
}

/* The server said itself that it ends this session: a statement in front of COMMIT got that answer, so COMMIT never ran.
 * A pooler's word for the server's end is no proof. */
static enum pg_fault fault_of_end(struct pg *c)
{
    const struct pg_due *d = c->due_count ? pg_due_at(c, 0) : NULL;
    bool is_at_commit = d && d->kind == PG_DUE_STATEMENT && d->statement->is_commit;
    return (is_at_commit || c->is_pooled) && is_commit_due(c) ? PG_UNKNOWN : PG_LOST;
}

/* The server's primary message and its state; not the detail, which holds values of rows. */
static void describe(const PGresult *result, const char *sqlstate, char *to, size_t size)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    (void)str_print(to, size, "%s (%s)", primary ? primary : "failed", sqlstate);
}

enum rc pg_fail_result(struct pg *c, const PGresult *result, struct err *e)
{
    char text[280];
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
        enum rc rc = fail(c, PG_ABORTED, "");
        return err_set(e, rc, "postgresql: not run, because an earlier statement of the batch failed");
    }
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (!sqlstate && PQstatus(c->handle) == CONNECTION_BAD) {
        return pg_fail_lost(c, NULL, e);
    }
    if (!sqlstate) {
        enum rc rc = fail(c, PG_OTHER, "");
        return err_set(e, rc, "postgresql: %.*s", STR_ARG(pg_first_line(PQresultErrorMessage(result))));
    }
    describe(result, sqlstate, text, sizeof text);
    enum pg_fault fault = pg_fault_of_sqlstate(sqlstate);
    bool is_end = severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
    if (is_end || fault == PG_LOST) {
        return lose(c, fault_of_end(c), sqlstate, str_from(text), e);
    }
    enum rc rc = fail(c, fault, sqlstate);
    if (fault == PG_READ_ONLY) {
        return err_set(e, rc, "postgresql: %s: %s %s", text, c->host, why_read_only(c));
    }
    return err_set(e, rc, "postgresql: %s", text);
}
