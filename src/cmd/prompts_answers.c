/* prompts_answers.c: stint batch responses and mentions: what each job of a batch of prompts answered, and which names stand in it. Read
 * from the files that its report has published, line by line, however many they are. */
#include <stdio.h>

#include "client/client.h"
#include "cmd/prompts.h"
#include "cmd/term.h"
#include "kinds/prompt_report.h"

#define LINE_MAX_BYTES ((size_t)16 << 20)

struct answers {
    struct remote *r;
    struct prompt_table table;
    struct buf line; /* as far as it has come */
    struct buf rows;
    bool is_broken;
};

static void print_rows(struct answers *s)
{
    term_put(stdout, buf_str(&s->rows), "\n\r\t");
    buf_clear(&s->rows);
}

static void take_line(struct answers *s)
{
    struct arena *a = arena_new();
    struct json *line = NULL;
    s->is_broken |= s->line.overflowed || json_parse_envelope(buf_str(&s->line), a, &line, NULL);
    if (line) {
        prompt_table_add(&s->table, line, &s->rows);
        s->is_broken |= s->rows.overflowed;
        print_rows(s);
    }
    buf_clear(&s->line);
    arena_free(a);
}

static bool on_piece(void *ctx, struct str piece)
{
    struct answers *s = ctx;
    while (piece.n && !s->is_broken) {
        size_t end = str_find_char(piece, '\n', 0);
        buf_append_str(&s->line, str_sub(piece, 0, end));
        if (end < piece.n) {
            take_line(s);
        }
        piece = str_sub(piece, end + 1, piece.n);
    }
    return !s->is_broken && !ferror(stdout);
}

static int print_file(struct answers *s, struct str job, struct str name)
{
    struct client_request q = {.method = HTTP_GET};
    struct stint_error e = {0};
    int status = 0;
    remote_path(s->r, "/v1/jobs/%.*s/artifacts/", STR_ARG(job));
    remote_segment(s->r, name);
    q.path = remote_target(s->r);
    int code = client_stream(s->r->client, &q, &status, on_piece, s, &e);
    if (s->is_broken) {
        return command_fail(s->r->o, EXIT_FAILED, "%.*s of job %.*s has a line that is no answer",
                            STR_ARG(name), STR_ARG(job));
    }
    return code ? remote_fail(s->r, &e) : EXIT_OK;
}

/* responses.jsonl and, when it was full, responses-2.jsonl and so on: in this order. */
static int print_all(struct answers *s, struct str job)
{
    const struct json *answer = NULL;
    struct stint_error e = {0};
    remote_path(s->r, "/v1/jobs/%.*s/artifacts", STR_ARG(job));
    int code = remote_try(s->r, "GET", STR_NONE, STR_NONE, &answer, &e);
    if (code == STINT_ENOTFOUND) {
        return command_fail(s->r->o, EXIT_NOT_FOUND,
                            "the answers of %.*s are not kept any more, only its report is",
                            STR_ARG(options_arg(s->r->o, 1)));
    }
    code = code ? remote_fail(s->r, &e) : EXIT_OK;
    for (int n = 1; !code; n++) {
        struct str name = n > 1 ? arena_printf(s->r->a, "responses-%d.jsonl", n) : STR("responses.jsonl");
        const struct json *file = first_of(answer, "artifacts");
        while (file && !str_eq(json_text(file, "name"), name)) {
            file = file->next;
        }
        if (!file) {
            break;
        }
        code = print_file(s, job, name);
    }
    return code;
}

/* Mentions are a table, answers are not. */
static int read_format(struct remote *r, struct prompt_table *t)
{
    struct str format = options_is_given(r->o, "format") ? options_str(r->o, "format")
                        : t->is_mentions                 ? STR("csv")
                                                         : STR("jsonl");
    t->is_csv = str_eq(format, STR("csv")) && !options_flag(r->o, "json");
    return t->is_csv || str_eq(format, STR("jsonl")) || options_flag(r->o, "json")
               ? EXIT_OK
               : command_fail(r->o, EXIT_USAGE, "--format is jsonl or csv");
}

int prompts_answers(struct remote *r)
{
    struct str verb = options_arg(r->o, 0), ref = options_arg(r->o, 1), series = STR_NONE;
    const struct json *entry = NULL;
    struct answers s = {.r = r, .line = BUF_LIMIT(LINE_MAX_BYTES), .rows = BUF_LIMIT(4 * LINE_MAX_BYTES)};
    s.table = (struct prompt_table){.is_mentions = str_eq(verb, STR("mentions")),
                                    .entity = options_str(r->o, "entity")};
    int code = read_format(r, &s.table);
    code = code ? code : str_is_name(ref) ? prompts_find_entry(r, ref, &series, &entry) : EXIT_NOT_FOUND;
    if (code == EXIT_NOT_FOUND) {
        return prompts_tell_none(r, ref);
    }
    if (!code) {
        prompt_table_head(&s.table, &s.rows);
        print_rows(&s);
        code = print_all(&s, json_text(entry, "job"));
    }
    buf_dispose(&s.line);
    buf_dispose(&s.rows);
    return code;
}
