/* term.c: one place that knows terminals. */
#include "cmd/term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"

#define BAR_CELLS 24

static const char *const codes[] = {
    [TERM_PLAIN] = "",          [TERM_BOLD] = "\033[1m", [TERM_DIM] = "\033[2m",   [TERM_GREEN] = "\033[32m",
    [TERM_YELLOW] = "\033[33m", [TERM_RED] = "\033[31m", [TERM_CYAN] = "\033[36m",
};

bool term_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

static bool has_colors(void)
{
    const char *no = getenv("NO_COLOR");
    const char *name = getenv("TERM");
    return term_is_terminal() && !(no && *no) && name && strcmp(name, "dumb") != 0;
}

int term_width(void)
{
    struct winsize w = {0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

/* Bytes of the control character there, of C0 or C1; 0: it is none. */
static size_t control_at(struct str s, size_t i)
{
    unsigned char c = (unsigned char)s.p[i], next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;
    return c < 0x20 || c == 0x7f ? 1 : c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

void term_put(FILE *f, struct str s, const char *kept)
{
    for (size_t i = 0, n = 0; i < s.n; i += n) {
        size_t control = control_at(s, i);
        bool is_kept = !control || (control == 1 && strchr(kept, s.p[i]) && s.p[i]);
        n = control ? control : 1;
        (void)putc(is_kept ? s.p[i] : s.p[i] == '\t' ? ' ' : '?', f);
    }
}

static void put_visible(struct str s)
{
    term_put(stdout, s, "");
}

void term_str(enum term_color color, struct str s)
{
    bool is_colored = color != TERM_PLAIN && has_colors();
    if (is_colored) {
        (void)fputs(codes[color], stdout);
    }
    put_visible(s);
    if (is_colored) {
        (void)fputs("\033[0m", stdout);
    }
}

void term_print(enum term_color color, const char *format, ...)
{
    bool is_colored = color != TERM_PLAIN && has_colors();
    va_list args;
    if (is_colored) {
        (void)fputs(codes[color], stdout);
    }
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    if (is_colored) {
        (void)fputs("\033[0m", stdout);
    }
}

void term_field(const char *name, struct str value)
{
    if (value.n) {
        term_print(TERM_DIM, "%-12s ", name);
        term_str(TERM_PLAIN, value);
        (void)putchar('\n');
    }
}

enum term_color term_color_of_state(struct str state)
{
    static const struct {
        const char *state;
        enum term_color color;
    } colors[] = {{"completed", TERM_GREEN},
                  {"failed", TERM_RED},
                  {"cancelled", TERM_YELLOW},
                  {"skipped", TERM_DIM},
                  {"processing", TERM_CYAN}};
    for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++) {
        if (str_eq(state, str_from(colors[i].state))) {
            return colors[i].color;
        }
    }
    return TERM_PLAIN;
}

/* ---- progress ---- */

static int64_t last_permille = -1;
static char last_message[128];
static bool is_line_open;

static void draw_bar(int64_t permille, struct str message)
{
    int done = permille < 0 ? 0 : (int)(permille * BAR_CELLS / 1000);
    int room = term_width() - BAR_CELLS - 10;
    (void)fputs("\r\033[K", stdout);
    for (int i = 0; i < BAR_CELLS; i++) {
        (void)fputs(i < done ? "█" : "░", stdout);
    }
    if (permille >= 0) {
        (void)printf(" %3lld %%  ", (long long)(permille / 10));
    } else {
        (void)fputs("   … %%  ", stdout);
    }
    put_visible(str_sub(message, 0, room > 0 ? (size_t)room : 0));
    (void)fflush(stdout);
    is_line_open = true;
}

/* The first word is the phase; a new phase is worth a line, a count that grows is not. */
static bool is_new_phase(struct str message)
{
    struct str rest;
    struct str old;
    struct str was = str_cut(str_from(last_message), ' ', &old);
    return !str_eq(str_cut(message, ' ', &rest), was);
}

void term_progress(int64_t permille, struct str message)
{
    if (term_is_terminal()) {
        draw_bar(permille, message);
    } else if (permille / 100 > last_permille / 100 || last_permille < 0 || is_new_phase(message)) {
        (void)printf("%3lld %%  ", (long long)(permille < 0 ? 0 : permille / 10));
        put_visible(message);
        (void)putchar('\n');
        (void)fflush(stdout);
        last_permille = permille;
        str_copy(last_message, sizeof(last_message), message);
    }
}

void term_progress_end(void)
{
    if (is_line_open) {
        (void)fputs("\r\033[K", stdout);
        is_line_open = false;
    }
    last_permille = -1;
    last_message[0] = '\0';
}

/* ---- figures ---- */

struct term_text term_duration(int64_t ms)
{
    struct term_text t;
    if (ms < 1000) {
        str_print(t.s, sizeof(t.s), "%lld ms", (long long)ms);
    } else if (ms < 60000) {
        str_print(t.s, sizeof(t.s), "%.1f s", (double)ms / 1000);
    } else if (ms < 3600000) {
        str_print(t.s, sizeof(t.s), "%lld min %lld s", (long long)(ms / 60000), (long long)(ms / 1000 % 60));
    } else if (ms < 2 * 86400000LL) {
        str_print(t.s, sizeof(t.s), "%lld h %lld min", (long long)(ms / 3600000),
                  (long long)(ms / 60000 % 60));
    } else {
        str_print(t.s, sizeof(t.s), "%lld d", (long long)(ms / 86400000));
    }
    return t;
}

const char *term_s(int64_t n)
{
    return n == 1 ? "" : "s";
}

struct term_text term_bytes(int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    struct term_text t;
    double n = (double)bytes;
    size_t unit = 0;
    while (n >= 1000 && unit < 4) {
        n /= 1000;
        unit++;
    }
    str_print(t.s, sizeof(t.s), unit && n < 10 ? "%.1f %s" : "%.0f %s", n, units[unit]);
    return t;
}

struct term_text term_ago(int64_t at, int64_t now)
{
    struct term_text t;
    if (at == 0) {
        str_copy(t.s, sizeof(t.s), STR("-"));
        return t;
    }
    int64_t ms = at < now ? now - at : at - now;
    str_print(t.s, sizeof(t.s), at <= now ? "%.22s ago" : "in %.22s", term_duration(ms).s);
    return t;
}

struct term_text term_count(int64_t n)
{
    struct term_text t;
    char digits[24];
    size_t len = str_print(digits, sizeof(digits), "%lld", (long long)n);
    size_t to = 0;
    for (size_t i = 0; i < len && to + 2 < sizeof(t.s); i++) {
        if (i && digits[i - 1] != '-' && (len - i) % 3 == 0) {
            t.s[to++] = ',';
        }
        t.s[to++] = digits[i];
    }
    t.s[to] = '\0';
    return t;
}

/* ---- tables ---- */

#define COLUMNS_MAX 16

struct cell {
    struct cell *next;
    struct str text;
    enum term_color color;
    bool is_right;
};

struct term_table {
    struct arena *a;
    size_t columns;
    size_t widths[COLUMNS_MAX];
    struct cell *first, **last;
    size_t count;
};

/* Columns on the screen: UTF-8 bytes that begin a character (wide ones are rare in names and ids). */
static size_t shown_width(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    }
    return n;
}

static void add_cell(struct term_table *t, enum term_color color, struct str s, bool is_right)
{
    struct cell *c = arena_alloc(t->a, sizeof(*c));
    size_t column = t->count++ % t->columns;
    *c = (struct cell){.text = arena_str(t->a, s), .color = color, .is_right = is_right};
    *t->last = c;
    t->last = &c->next;
    if (shown_width(s) > t->widths[column]) {
        t->widths[column] = shown_width(s);
    }
}

struct term_table *term_table_new(const char *const *columns)
{
    struct arena *a = arena_new();
    struct term_table *t = arena_alloc(a, sizeof(*t));
    t->a = a;
    t->last = &t->first;
    while (columns[t->columns] && t->columns < COLUMNS_MAX) {
        t->columns++;
    }
    for (size_t i = 0; i < t->columns; i++) {
        add_cell(t, TERM_DIM, str_from(columns[i]), false);
    }
    return t;
}

void term_cell(struct term_table *t, enum term_color color, struct str s)
{
    add_cell(t, color, s, false);
}

void term_cell_int(struct term_table *t, int64_t n)
{
    add_cell(t, TERM_PLAIN, str_from(term_count(n).s), true);
}

static void pad(size_t n)
{
    while (n--) {
        (void)putchar(' ');
    }
}

void term_table_end(struct term_table *t)
{
    size_t i = 0;
    for (const struct cell *c = t->first; c; c = c->next, i++) {
        size_t column = i % t->columns;
        bool is_last = column + 1 == t->columns;
        size_t space = t->widths[column] - shown_width(c->text);
        if (c->is_right) {
            pad(space);
        }
        term_str(c->color, c->text);
        if (!c->is_right && !is_last) {
            pad(space);
        }
        (void)fputs(is_last ? "\n" : "  ", stdout);
    }
    arena_free(t->a);
}
