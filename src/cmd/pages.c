/* pages.c: a list in pages. */
#include "cmd/pages.h"

#include "base/clock.h"

static int print_table(struct remote *r, const struct pages *p)
{
    const struct json *answer = NULL;
    const int64_t now = clock_wall_ms();
    int64_t left = options_int(r->o, "limit");
    struct term_table *t = term_table_new(p->columns);
    struct str next = STR_NONE;
    bool has_more = false;
    int code = EXIT_OK;

    do {
        code = p->get(r, next, &answer);
        const struct json *item = code ? NULL : first_of(answer, p->member);
        for (; item && left > 0; item = item->next, left--) {
            p->add(t, item, now);
        }
        next = code ? STR_NONE : json_text(answer, "next_cursor");
        has_more = item != NULL;
    } while (next.n && !has_more);
    term_table_end(t);
    return code || !has_more ? code : command_fail(r->o, EXIT_OK, "there are more: %s", p->more);
}

static int print_json(struct remote *r, const struct pages *p)
{
    const struct json *answer = NULL;
    int code = p->get(r, STR_NONE, &answer);

    while (!code && !first_of(answer, p->member) && json_text(answer, "next_cursor").n) {
        code = p->get(r, json_text(answer, "next_cursor"), &answer);
    }
    if (!code) {
        remote_print_json(answer);
    }
    return code;
}

int pages_print(struct remote *r, const struct pages *p)
{
    return options_flag(r->o, "json") ? print_json(r, p) : print_table(r, p);
}
