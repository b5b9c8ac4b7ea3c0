/* term.h: what commands print for people: a progress bar on a terminal and plain lines in a pipe, colours only on a terminal, tables
 * whose columns fit. Text from the server is printed with its control bytes made visible, so that a job's message cannot move the
 * cursor. */
#ifndef STINT_CMD_TERM_H
#define STINT_CMD_TERM_H

#include <stdio.h>

#include "base/str.h"

enum term_color { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_GREEN, TERM_YELLOW, TERM_RED, TERM_CYAN };

bool term_is_terminal(void); /* standard output; NO_COLOR and TERM=dumb switch colours off, not this */
int term_width(void);
/* To standard output. */
void term_print(enum term_color color, const char *format, ...) PRINTF_LIKE(2, 3);
void term_str(enum term_color color, struct str s); /* control characters shown as '?' */
/* What others wrote, for a terminal that shall not obey it: control characters but the kept ones are '?'. */
void term_put(FILE *f, struct str s, const char *kept);
/* A line "name   value" of what is shown; nothing when the value is empty. */
void term_field(const char *name, struct str value);
enum term_color term_color_of_state(struct str state);

/* Draws or redraws the one line of progress; permille -1 = not known. In a pipe: a line each time the message changes or ten
 * more percent are done. */
void term_progress(int64_t permille, struct str message);
void term_progress_end(void); /* leaves the line, so that other text can follow */

/* "3.2 s", "4 m 10 s", "2 d"; "12 MB"; "3 min ago". */
struct term_text {
    char s[32];
};

struct term_text term_duration(int64_t ms);
struct term_text term_bytes(int64_t bytes);
struct term_text term_ago(int64_t at, int64_t now);
struct term_text term_count(int64_t n); /* 12,345 */
const char *term_s(int64_t n);          /* of so many: "s" or not */

/* A table: header, then rows cell by cell; printed when it ends, each column as wide as it must be, the last one free. */
struct term_table;

struct term_table *term_table_new(const char *const *columns); /* ends with NULL */
void term_cell(struct term_table *t, enum term_color color, struct str s);
void term_cell_int(struct term_table *t, int64_t n); /* right-aligned */
void term_table_end(struct term_table *t);           /* prints and frees */

#endif
