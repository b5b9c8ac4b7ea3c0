/* report_text.h: pieces that reports and comparisons share. */
#ifndef STINT_KINDS_RUN_PROMPT_REPORT_TEXT_H
#define STINT_KINDS_RUN_PROMPT_REPORT_TEXT_H

#include "base/json.h"

const struct json *report_list(const struct json *o, const char *name); /* the first item; NULL = none */
bool report_is_wanted(const struct json *entity, struct str wanted);    /* wanted "" = all */
/* In a cell of a Markdown table; a dash for what is no number. */
void report_number(struct buf *out, const struct json *o, const char *name);
/* The rate of a row by its counts, not by the four digits that are kept of it: those would be rounded twice. */
double report_share(const struct json *row);
void report_rate(struct buf *out, const struct json *row);
void report_percent(struct buf *out, const struct json *o, const char *name);
void report_interval(struct buf *out, const struct json *o); /* its "low" to its "high" */
void report_cell(struct buf *out, struct str s);
void report_field(struct buf *out, struct str s); /* of CSV; no spreadsheet takes it for a formula */

#endif
