/* cmd_index_query.c: stint index-query, started by the server (api/index_queries.c), not by people: answers one question to one
 * code index and ends. On standard input: the path of the file, a line feed, the request. On standard output: "ok" or "failed",
 * a line feed, and JSON: the answer, or {"rc","code","field","text"}.
 *
 * A worker wrote the file, so it is hostile: this process can read that file, and nothing else, and is killed when it takes
 * too long. */
#include <unistd.h>

#include "base/buf.h"
#include "cmd/command.h"
#include "codeindex/codeindex.h"
#include "worker/sandbox.h"

#define REQUEST_BYTES_MAX (64 << 10)
#define ANSWER_BYTES_MAX  (16 << 20)
#define MAX_STEPS         0 /* the library's own limit; the server's clock is the other one */

static void write_failure(struct buf *out, const struct err *e)
{
    struct json_out w = json_writer(out);

    json_object_begin(&w);
    json_put_c(&w, "rc", rc_name(e->rc));
    if (e->code) {
        json_put_c(&w, "code", e->code);
    }
    json_put_c(&w, "field", e->field);
    json_put_c(&w, "text", e->text);
    json_object_end(&w);
}

static bool write_all(struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes.p, bytes.n);
        if (n <= 0) {
            return false;
        }
        bytes = str_sub(bytes, (size_t)n, bytes.n);
    }
    return true;
}

int cmd_index_query(const struct options *o)
{
    struct buf in = BUF_LIMIT(REQUEST_BYTES_MAX);
    struct buf out = BUF_LIMIT(ANSWER_BYTES_MAX);
    struct arena *a = arena_new();
    struct err e = {0};
    struct str request;

    (void)o;
    enum rc rc = buf_read_fd(&in, STDIN_FILENO, &e);
    if (!rc) {
        const char *path = arena_c_str(a, str_cut(buf_str(&in), '\n', &request));
        sandbox_enter_query(path);
        rc = codeindex_query(path, request, MAX_STEPS, &out, &e);
    }
    if (rc) {
        buf_clear(&out);
        write_failure(&out, &e);
    }
    bool is_written = write_all(rc ? STR("failed\n") : STR("ok\n")) && write_all(buf_str(&out));
    arena_free(a);
    buf_dispose(&in);
    buf_dispose(&out);
    return is_written ? EXIT_OK : EXIT_FAILED;
}
