/* mentions.c: see mentions.h. The text and every form are folded once; from each border in the text the longest form that
 * stands there is taken. What a name is not in ("Apple Valley") is a form of nobody: it takes its place and counts for none. */
#include "kinds/run_prompt/mentions.h"

#include <stdlib.h>
#include <string.h>

#include "kinds/run_prompt/fold.h"
#include "kinds/run_prompt/markup.h"

#define NOBODY SIZE_MAX

struct form {
    struct folded name;
    size_t entity; /* or NOBODY */
    bool is_case_sensitive;
};

struct finder {
    struct str text;
    const struct entity *entities;
    size_t count;
    struct arena *a;
    struct form *forms; /* by first point */
    size_t form_count;
    struct folded plain, cased; /* the text, with case folded and as it is */
    struct address_list addresses;
    struct mentions *out;
};

/* ---- forms */

static bool add_form(struct finder *f, struct str name, size_t entity, bool is_case_sensitive)
{
    name = str_trim(name);
    if (!name.n || name.n > 1024) {
        return true;
    }
    if (f->form_count == MENTION_FORMS_MAX) {
        return false;
    }
    struct folded folded = fold_text(name, NULL, is_case_sensitive ? 0 : FOLD_CASE, f->a);
    if (folded.n) {
        f->forms[f->form_count++] = (struct form){folded, entity, is_case_sensitive};
    }
    return true;
}

static const char *const suffixes[] = {"inc", "incorporated", "corp", "corporation", "co",  "company", "llc",
                                       "ltd", "limited",      "plc",  "gmbh",        "ag",  "sa",      "s.a",
                                       "srl", "s.r.l",        "bv",   "b.v",         "nv",  "n.v",     "ab",
                                       "oy",  "kg",           "se",   "pty",         "pte", "llp",     "lp"};

/* A name without its legal suffix: "Acme, Inc." is "Acme". */
static struct str without_suffix(struct str name)
{
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != ' ') {
        at--;
    }
    struct str last = str_sub(name, at, name.n);
    last = str_sub(last, 0, last.n - (last.n && last.p[last.n - 1] == '.'));
    for (size_t i = 0; at > 1 && i < sizeof suffixes / sizeof *suffixes; i++) {
        if (str_eq_nocase(last, str_from(suffixes[i]))) {
            struct str rest = str_trim(str_sub(name, 0, at));
            return str_sub(rest, 0, rest.n - (rest.n && rest.p[rest.n - 1] == ','));
        }
    }
    return name;
}

static bool add_entity(struct finder *f, size_t i)
{
    const struct entity *entity = &f->entities[i];
    bool fits = add_form(f, without_suffix(entity->name), i, entity->is_case_sensitive);
    for (size_t k = 0; k < entity->form_count && fits; k++) {
        fits = add_form(f, without_suffix(entity->forms[k]), i, entity->is_case_sensitive);
    }
    for (size_t k = 0; k < entity->not_in_count && fits; k++) {
        fits = add_form(f, entity->not_in[k], NOBODY, entity->is_case_sensitive);
    }
    return fits;
}

/* ---- are they different? */

static int compare_forms(const void *one, const void *other)
{
    const struct form *x = one;
    const struct form *y = other;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = memcmp(x->name.points, y->name.points, n * sizeof *x->name.points);
    order = order ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
    return order ? order : x->is_case_sensitive - y->is_case_sensitive;
}

enum rc mentions_check(const struct entity *entities, size_t count, struct err *e)
{
    struct arena *a = arena_new();
    struct finder f = {.entities = entities, .count = count, .a = a};
    enum rc rc = RC_OK;
    f.forms = arena_array(a, struct form, MENTION_FORMS_MAX);
    for (size_t i = 0; i < count && !rc; i++) {
        if (!add_entity(&f, i)) {
            rc = err_set_code(e, RC_INVALID, "invalid_input", "entities",
                              "entities: names, aliases and texts under not are more than %d in all",
                              MENTION_FORMS_MAX);
        }
    }
    size_t kept = 0; /* what it is not is none of them */
    for (size_t i = 0; i < f.form_count; i++) {
        if (f.forms[i].entity != NOBODY) {
            f.forms[kept++] = f.forms[i];
        }
    }
    if (kept) {
        qsort(f.forms, kept, sizeof *f.forms, compare_forms);
    }
    for (size_t i = 1; i < kept && !rc; i++) {
        size_t one = f.forms[i - 1].entity, other = f.forms[i].entity;
        if (one != other && compare_forms(&f.forms[i - 1], &f.forms[i]) == 0) {
            rc = err_set_code(e, RC_INVALID, "invalid_input", "entities",
                              "entities: %.*s and %.*s are called the same, or have an alias in common",
                              STR_ARG(entities[one < other ? one : other].name),
                              STR_ARG(entities[one < other ? other : one].name));
        }
    }
    arena_free(a);
    return rc;
}

static int by_first_point(const void *one, const void *other)
{
    const struct form *x = one;
    const struct form *y = other;
    int32_t a = x->name.points[0];
    int32_t b = y->name.points[0];
    return (a > b) - (a < b);
}

/* ---- matching */

static int32_t point_at(const struct folded *t, size_t i)
{
    return i < t->n ? t->points[i] : 0;
}

static bool stands_at(const struct folded *t, size_t at, const struct folded *name)
{
    if (at + name->n > t->n || memcmp(t->points + at, name->points, name->n * sizeof *name->points) != 0) {
        return false;
    }
    size_t end = at + name->n;
    return fold_is_border(point_at(t, end - 1), point_at(t, end));
}

/* What one name is not in may be another name: then it is that. */
static bool is_before(const struct form *form, const struct form *other)
{
    return form->name.n != other->name.n ? form->name.n > other->name.n : other->entity == NOBODY;
}

static const struct form *longest_at(const struct finder *f, const struct folded *t, size_t at,
                                     bool is_case_sensitive)
{
    const struct form *best = NULL;
    size_t low = 0;
    size_t high = f->form_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (f->forms[middle].name.points[0] < t->points[at]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < f->form_count && f->forms[low].name.points[0] == t->points[at]; low++) {
        const struct form *form = &f->forms[low];
        if (form->is_case_sensitive == is_case_sensitive && (!best || is_before(form, best)) &&
            stands_at(t, at, &form->name)) {
            best = form;
        }
    }
    return best;
}

struct hit {
    size_t at, end; /* bytes */
    size_t entity;
    bool is_by_domain, is_cased;
};

struct hits {
    struct hit *items;
    size_t n, room;
};

static void add_hit(struct finder *f, struct hits *hits, struct hit hit)
{
    if (hits->n == hits->room) {
        struct hit *old = hits->items;
        hits->room = hits->room ? 2 * hits->room : 64;
        hits->items = arena_array(f->a, struct hit, hits->room);
        if (old) {
            memcpy(hits->items, old, hits->n * sizeof *old);
        }
    }
    hits->items[hits->n++] = hit;
}

static void match_names(struct finder *f, const struct folded *t, bool is_case_sensitive, struct hits *hits)
{
    size_t at = 0;
    while (at < t->n) {
        bool is_begin = fold_is_border(at ? t->points[at - 1] : 0, t->points[at]);
        const struct form *form = is_begin ? longest_at(f, t, at, is_case_sensitive) : NULL;
        if (!form) {
            at++;
            continue;
        }
        size_t end = at + form->name.n;
        add_hit(f, hits,
                (struct hit){.at = t->offsets[at],
                             .end = t->offsets[end],
                             .entity = form->entity,
                             .is_cased = is_case_sensitive});
        at = end;
    }
}

/* ---- addresses */

static bool is_host_of(struct str host, struct str domain)
{
    domain = str_starts(domain, STR("www.")) ? str_sub(domain, 4, domain.n) : domain;
    if (host.n < domain.n || !str_eq_nocase(str_sub(host, host.n - domain.n, host.n), domain)) {
        return false;
    }
    return domain.n > 0 && (host.n == domain.n || host.p[host.n - domain.n - 1] == '.');
}

static size_t owner_of(const struct finder *f, struct str host)
{
    for (size_t i = 0; i < f->count; i++) {
        for (size_t k = 0; k < f->entities[i].domain_count; k++) {
            if (is_host_of(host, f->entities[i].domains[k])) {
                return i;
            }
        }
    }
    return NOBODY;
}

/* Addresses are citations; the owner of one is mentioned by it, unless its link's text has said so. */
static void match_addresses(struct finder *f, struct hits *hits)
{
    size_t named = hits->n;
    f->out->citations = arena_array(f->a, struct citation, f->addresses.n + 1);
    for (size_t i = 0; i < f->addresses.n; i++) {
        const struct address *address = &f->addresses.items[i];
        size_t owner = owner_of(f, address->host);
        f->out->citations[f->out->citation_count++] = (struct citation){
            address->url, address->host, owner == NOBODY ? -1 : (int64_t)owner, (int64_t)address->at};
        bool is_said = owner == NOBODY;
        for (size_t k = 0; k < named; k++) {
            is_said |= hits->items[k].entity == owner && hits->items[k].at >= address->text_at &&
                       hits->items[k].end <= address->at;
        }
        if (!is_said) {
            add_hit(
                f, hits,
                (struct hit){.at = address->at, .end = address->end, .entity = owner, .is_by_domain = true});
        }
    }
}

/* ---- what is told */

static struct str snippet(const struct finder *f, const struct hit *hit)
{
    size_t from = hit->at;
    size_t to = hit->end;
    for (int chars = 0; from > 0 && chars < MENTION_SNIPPET_CHARS; from--) {
        chars += ((unsigned char)f->text.p[from - 1] & 0xc0) != 0x80;
    }
    for (int chars = 0; to < f->text.n && chars < MENTION_SNIPPET_CHARS; chars++) {
        size_t step = str_utf8_step(f->text, to);
        to += step ? step : 1;
    }
    return str_trim(str_sub(f->text, from, to));
}

/* In one place the longest is first; of equals a name before what is none, and one that is to be written so before one in any case. */
static int by_place(const void *one, const void *other)
{
    const struct hit *x = one;
    const struct hit *y = other;
    if (x->at != y->at) {
        return (x->at > y->at) - (x->at < y->at);
    }
    if (x->end != y->end) {
        return (x->end < y->end) - (x->end > y->end);
    }
    return (x->entity == NOBODY) != (y->entity == NOBODY) ? (x->entity == NOBODY) - (y->entity == NOBODY)
                                                          : y->is_cased - x->is_cased;
}

static void tell(struct finder *f, struct hits *hits)
{
    int64_t order = 0;
    size_t taken = 0; /* what is before it belongs to a hit */
    if (hits->n) {
        qsort(hits->items, hits->n, sizeof *hits->items, by_place);
    }
    for (size_t i = 0; i < hits->n; i++) {
        const struct hit *hit = &hits->items[i];
        if (hit->at < taken) {
            continue;
        }
        taken = hit->end;
        if (hit->entity == NOBODY) {
            continue;
        }
        struct mention *m = &f->out->of[hit->entity];
        if (!m->count++) {
            m->first_offset = (int64_t)hit->at;
            m->order = ++order;
            m->form = str_sub(f->text, hit->at, hit->end);
            m->is_by_domain = hit->is_by_domain;
        }
        if (!m->list_rank) {
            m->list_rank = markup_list_rank(f->text, hit->at);
        }
        if (m->snippet_count < MENTION_SNIPPETS) {
            m->snippets[m->snippet_count++] = snippet(f, hit);
        }
    }
}

enum rc mentions_find(const struct mention_search *search, struct arena *a, struct mentions *out,
                      struct err *e)
{
    struct str text = search->text;
    *out = (struct mentions){.of = arena_array(a, struct mention, search->count + 1)};
    struct finder f = {
        .text = text, .entities = search->entities, .count = search->count, .a = a, .out = out};
    f.forms = arena_array(a, struct form, MENTION_FORMS_MAX);
    for (size_t i = 0; i < search->count; i++) {
        out->of[i].first_offset = -1;
        if (!add_entity(&f, i)) {
            return err_set_code(e, RC_TOO_BIG, "invalid_input", "entities", "more than %d names to look for",
                                MENTION_FORMS_MAX);
        }
    }
    qsort(f.forms, f.form_count, sizeof *f.forms, by_first_point);
    unsigned char *hidden = arena_alloc(a, text.n + 1);
    f.addresses = markup_addresses(text, a);
    for (size_t i = 0; i < f.addresses.n; i++) {
        memset(hidden + f.addresses.items[i].at, 1, f.addresses.items[i].end - f.addresses.items[i].at);
    }
    if (!search->with_code) {
        markup_hide_code(text, hidden);
    }
    f.plain = fold_text(text, hidden, FOLD_CASE, a);
    f.cased = fold_text(text, hidden, 0, a);
    struct hits hits = {NULL, 0, 0};
    match_names(&f, &f.plain, false, &hits);
    match_names(&f, &f.cased, true, &hits);
    match_addresses(&f, &hits);
    tell(&f, &hits);
    return RC_OK;
}
