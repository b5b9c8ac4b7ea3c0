/* robots.c: see robots.h. Paths and patterns are compared in one spelling, in which a literal `*` or `$` of a path is %2A or %24, as
 * RFC 9309, 2.2.3 has it. */
#include "kinds/crawl_docs/robots.h"

#include <stdlib.h>

#include "kinds/crawl_docs/page_url.h"

#define DELAY_TEXT_MAX 32

/* A file as it is read: lines of agents open a group, the first rule ends the list of its agents. */
struct reading {
    struct arena *a;
    struct str agent;
    struct robots ours, everybodys;
    size_t our_room, everybodys_room;
    bool names_us, names_everybody; /* the group that is being read */
    bool has_rules;                 /* so the next agent begins another group */
    bool has_ours;                  /* some group is for us, be it without rules */
};

/* ---- rules */

static void add_rule(struct reading *r, struct robots *to, size_t *room, struct robots_rule rule)
{
    if (to->rule_count == *room) {
        size_t wider = *room ? 2 * *room : 16;
        struct robots_rule *rules = arena_array(r->a, struct robots_rule, wider);
        for (size_t i = 0; i < to->rule_count; i++) {
            rules[i] = to->rules[i];
        }
        to->rules = rules;
        *room = wider;
    }
    to->rules[to->rule_count++] = rule;
}

static struct str normalise_pattern(struct str pattern, struct arena *a)
{
    bool is_anchored = str_ends(pattern, STR("$"));
    struct str body = is_anchored ? str_sub(pattern, 0, pattern.n - 1) : pattern;
    body = page_url_normalise(body, "$", a);
    return is_anchored ? arena_printf(a, "%.*s$", STR_ARG(body)) : body;
}

static void take_rule(struct reading *r, struct str path, bool is_allow)
{
    r->has_rules = true;
    if (!path.n || (!r->names_us && !r->names_everybody)) {
        return; /* an empty rule matches nothing; a rule before any agent is nobody's */
    }
    struct robots_rule rule = {normalise_pattern(path, r->a), is_allow};
    if (r->names_us) {
        add_rule(r, &r->ours, &r->our_room, rule);
    }
    if (r->names_everybody) {
        add_rule(r, &r->everybodys, &r->everybodys_room, rule);
    }
}

/* ---- the other lines */

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static void take_agent(struct reading *r, struct str value)
{
    size_t n = 0;
    while (n < value.n && is_token_char(value.p[n])) {
        n++;
    }
    if (r->has_rules) {
        r->names_us = r->names_everybody = r->has_rules = false;
    }
    bool is_us = str_eq_nocase(str_sub(value, 0, n), r->agent);
    r->names_us |= is_us;
    r->has_ours |= is_us;
    r->names_everybody |= str_eq(value, STR("*")) || str_starts(value, STR("* "));
}

static void take_delay(struct reading *r, struct str value)
{
    char text[DELAY_TEXT_MAX];
    char *end = text;
    str_copy(text, sizeof text, value);
    bool is_number =
        value.n && (value.p[0] == '-' || value.p[0] == '.' || (value.p[0] >= '0' && value.p[0] <= '9'));
    double seconds = is_number ? strtod(text, &end) : 0;
    if (end == text) {
        return;
    }
    double ms = seconds * 1000;
    int64_t clamped = ms >= ROBOTS_DELAY_MAX_MS ? ROBOTS_DELAY_MAX_MS : ms > 0 ? (int64_t)ms : 0;
    if (r->names_us) {
        r->ours.delay_ms = clamped;
    }
    if (r->names_everybody) {
        r->everybodys.delay_ms = clamped;
    }
}

static void take_sitemap(struct reading *r, struct str value)
{
    if (value.n && r->ours.sitemap_count < ROBOTS_SITEMAPS_MAX) {
        r->ours.sitemaps[r->ours.sitemap_count++] = arena_str(r->a, value);
    }
}

static void take_line(struct reading *r, struct str line)
{
    struct str value = STR_NONE;
    struct str name = str_trim(str_cut(str_sub(line, 0, str_find_char(line, '#', 0)), ':', &value));
    if (!value.p) {
        return;
    }
    value = str_trim(value);
    if (str_eq_nocase(name, STR("user-agent"))) {
        take_agent(r, value);
    } else if (str_eq_nocase(name, STR("allow"))) {
        take_rule(r, value, true);
    } else if (str_eq_nocase(name, STR("disallow"))) {
        take_rule(r, value, false);
    } else if (str_eq_nocase(name, STR("crawl-delay"))) {
        take_delay(r, value);
    } else if (str_eq_nocase(name, STR("sitemap"))) {
        take_sitemap(r, value);
    }
}

static size_t line_end(struct str text, size_t from)
{
    while (from < text.n && text.p[from] != '\n' && text.p[from] != '\r') {
        from++;
    }
    return from;
}

void robots_read(struct str text, struct str agent, struct arena *a, struct robots *out)
{
    struct reading r = {.a = a, .agent = agent, .ours = {.delay_ms = -1}, .everybodys = {.delay_ms = -1}};
    r.ours.sitemaps = arena_array(a, struct str, ROBOTS_SITEMAPS_MAX);
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        text = str_sub(text, 3, text.n);
    }
    text = str_sub(text, 0, ROBOTS_MAX_BYTES);
    for (size_t at = 0; at < text.n;) {
        size_t end = line_end(text, at);
        take_line(&r, str_sub(text, at, end));
        at = end + 1;
    }
    *out = r.has_ours ? r.ours : r.everybodys;
    out->sitemaps = r.ours.sitemaps;
    out->sitemap_count = r.ours.sitemap_count;
}

/* ---- matching */

/* Each piece between stars is taken where it comes first: what is in front of it can then be no shorter, so nothing is
 * tried twice. */
static bool matches(struct str pattern, struct str path)
{
    bool is_anchored = str_ends(pattern, STR("$"));
    size_t at = 0;
    struct str rest = is_anchored ? str_sub(pattern, 0, pattern.n - 1) : pattern;
    for (bool is_first = true; rest.p; is_first = false) {
        struct str piece = str_cut(rest, '*', &rest);
        bool is_last = !rest.p;
        if (is_first && !str_starts(path, piece)) {
            return false;
        }
        if (is_last && is_anchored) {
            return is_first ? piece.n == path.n : path.n - at >= piece.n && str_ends(path, piece);
        }
        size_t found = is_first ? 0 : str_find(path, piece, at);
        if (found == path.n && piece.n) {
            return false;
        }
        at = found + piece.n;
    }
    return true;
}

bool robots_allows(const struct robots *r, const struct url *url, struct arena *a)
{
    struct str path = page_url_normalise(url->path, "*$?", a);
    size_t longest = 0;
    bool is_allowed = true;
    if (str_eq(path, STR("/robots.txt"))) {
        return true;
    }
    if (url->query.p) {
        path = arena_printf(a, "%.*s?%.*s", STR_ARG(path), STR_ARG(page_url_normalise(url->query, "*$", a)));
    }
    for (size_t i = 0; i < r->rule_count; i++) {
        const struct robots_rule *rule = &r->rules[i];
        bool is_nearer = rule->pattern.n > longest || (rule->pattern.n == longest && rule->is_allow);
        if (is_nearer && matches(rule->pattern, path)) {
            longest = rule->pattern.n;
            is_allowed = rule->is_allow;
        }
    }
    return is_allowed;
}

/* ---- X-Robots-Tag */

/* Words that have a value behind a colon: their names are no robots'. */
static bool has_value(struct str name)
{
    static const char *const names[] = {"unavailable_after", "max-snippet", "max-image-preview",
                                        "max-video-preview"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_eq_nocase(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_agent_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        bool is_digit = name.p[i] >= '0' && name.p[i] <= '9';
        if (!is_token_char(name.p[i]) && !is_digit && name.p[i] != '.' && name.p[i] != '/') {
            return false; /* a date's, with blanks */
        }
    }
    return name.n && !has_value(name);
}

void robots_tag_read(struct str value, struct str agent, struct robots_tag *tag)
{
    bool is_for_us = true; /* a name is for all words behind it */
    for (struct str rest = value; rest.p;) {
        struct str behind = STR_NONE;
        struct str word = str_trim(str_cut(rest, ',', &rest));
        struct str name = str_trim(str_cut(word, ':', &behind));
        if (behind.p && is_agent_name(name)) {
            is_for_us = str_eq_nocase(name, agent);
            word = str_trim(behind);
        }
        bool is_none = str_eq_nocase(word, STR("none"));
        tag->is_noindex |= is_for_us && (is_none || str_eq_nocase(word, STR("noindex")));
        tag->is_nofollow |= is_for_us && (is_none || str_eq_nocase(word, STR("nofollow")));
    }
}
