/* prompt_progress.c: what the jobs of a batch come to that have ended so far (kinds/prompt_report.h). */
#include "kinds/prompt_report.h"
#include "kinds/run_prompt/tally.h"

struct prompt_progress {
    struct tally *tally;
    struct arena *line;
};

struct prompt_progress *prompt_progress_new(const struct json *report_args, struct arena *a)
{
    struct prompt_progress *p = arena_alloc(a, sizeof *p);
    struct coordinates places = {0};
    const struct json *matrix = json_get(report_args, STR("matrix"));
    struct err unused = {0};
    if (matrix && coordinates_read(matrix, a, &places, &unused)) {
        places = (struct coordinates){0};
    }
    *p = (struct prompt_progress){.tally = tally_new(NULL, &places, a), .line = arena_new()};
    return p;
}

size_t prompt_progress_add(struct prompt_progress *p, struct str lines)
{
    size_t count = 0;
    while (lines.n) {
        struct tally_line unused;
        struct json *line = NULL;
        struct str text = str_cut(lines, '\n', &lines);
        if (text.n && !json_parse_envelope(text, p->line, &line, NULL)) {
            (void)tally_add(p->tally, line, NULL, &unused);
            count++;
        }
        arena_reset(p->line);
    }
    return count;
}

void prompt_progress_end(struct prompt_progress *p, struct json_out *w)
{
    tally_write_work(p->tally, w);
    arena_free(p->line);
}
