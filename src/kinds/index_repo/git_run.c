/* git_run.c: git as a child process: environment from nothing, bounded output, a deadline, and an end at a cancel. It stays in
 * the process group of the slot, so that whatever ends the slot ends it too. */
#include "kinds/index_repo/git_private.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS         200
#define MAX_ERROR_BYTES (64 << 10)
#define OUTPUT_PIECE    65536

/* ---- starting */

static void child_side(const struct git *g, const char *const *argv, const int fds[3])
{
    struct rlimit most = {(rlim_t)g->o.max_repo_bytes, (rlim_t)g->o.max_repo_bytes};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (g->o.max_repo_bytes > 0) {
        (void)setrlimit(RLIMIT_FSIZE, &most); /* a pack that grows over the limit ends the fetch */
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(fds[i], i) < 0) { /* each is above 9, so that none covers another */
            _exit(126);
        }
    }
    (void)close_range(3, ~0U, 0);
    (void)signal(SIGPIPE, SIG_DFL);
    execvpe("git", (char *const *)argv, g->env);
    _exit(127);
}

static void close_all(int fds[3])
{
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

/* Pipes for the standard descriptors that have one; the others are /dev/null. */
static enum rc make_ends(const bool wants_pipe[3], int ours[3], int theirs[3], struct err *e)
{
    for (int i = 0; i < 3; i++) {
        int pair[2] = {-1, -1};
        bool is_input = i == 0;
        if (wants_pipe[i] ? pipe2(pair, O_CLOEXEC)
                          : (pair[!is_input] = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0) {
            return err_from_errno(e, errno, "pipe");
        }
        ours[i] = pair[is_input];
        theirs[i] = fcntl(pair[!is_input], F_DUPFD_CLOEXEC, 10);
        close(pair[!is_input]);
    }
    return RC_OK;
}

static enum rc start(struct git *g, const char *const *argv, const bool wants_pipe[3], int ours[3],
                     pid_t *pid, struct err *e)
{
    int theirs[3] = {-1, -1, -1};
    enum rc rc = make_ends(wants_pipe, ours, theirs, e);
    if (!rc) {
        *pid = fork();
        if (*pid == 0) {
            child_side(g, argv, theirs);
        }
        rc = *pid < 0 ? err_from_errno(e, errno, "fork") : RC_OK;
    }
    close_all(theirs);
    if (rc) {
        close_all(ours);
    }
    return rc;
}

enum rc git_start(struct git *g, const char *const *argv, pid_t *pid, int *in, int *out, struct err *e)
{
    int ours[3] = {-1, -1, -1};
    enum rc rc = start(g, argv, (const bool[]){true, true, false}, ours, pid, e);
    if (!rc) {
        *in = ours[0];
        *out = ours[1];
    }
    return rc;
}

void git_stop(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* ---- running to the end */

struct running {
    struct git *g;
    int fds[3];
    struct buf *out;
    struct buf errors; /* the newest of standard error */
    struct buf line;   /* of progress, which ends with \r */
    int64_t deadline_us;
};

/* "Receiving objects:  45% (9/20)": the percentage of the phase that takes the time. */
static void hear_line(struct running *r)
{
    struct str line = buf_str(&r->line);
    size_t at = str_find(line, STR("Receiving objects:"), 0);
    size_t percent = str_find_char(line, '%', at);
    int64_t n = 0;
    if (at < line.n && percent < line.n && r->g->o.on_progress &&
        str_to_i64(str_trim(str_sub(line, at + 18, percent)), &n)) {
        r->g->o.on_progress(r->g->o.arg, (int)n);
    }
    buf_clear(&r->line);
}

static void hear_errors(struct running *r, struct str piece)
{
    for (size_t i = 0; i < piece.n; i++) {
        if (piece.p[i] == '\r' || piece.p[i] == '\n') {
            hear_line(r);
        } else {
            buf_append_char(&r->line, piece.p[i]);
        }
    }
    if (r->errors.n + piece.n > MAX_ERROR_BYTES) {
        buf_drop_front(&r->errors, r->errors.n / 2);
    }
    buf_append_str(&r->errors, piece);
}

/* Reads what is there. False: the descriptor has ended, and is closed. */
static bool read_some(struct running *r, int which)
{
    char piece[OUTPUT_PIECE];
    ssize_t n = read(r->fds[which], piece, sizeof piece);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return true;
    }
    if (n <= 0) {
        close(r->fds[which]);
        r->fds[which] = -1;
        return false;
    }
    if (which == 2) {
        hear_errors(r, (struct str){piece, (size_t)n});
    } else if (r->out) {
        buf_append(r->out, piece, (size_t)n);
    }
    return true;
}

static enum rc may_go_on(const struct running *r, struct err *e)
{
    const struct git_options *o = &r->g->o;
    if (o->is_cancelled && o->is_cancelled(o->arg)) {
        return err_set_code(e, RC_BUSY, "cancelled", NULL, "cancelled");
    }
    if (clock_mono_us() > r->deadline_us) {
        return err_set_code(e, RC_BUSY, "timeout", NULL, "git took longer than %lld s",
                            (long long)o->timeout_ms / 1000);
    }
    return RC_OK;
}

static enum rc read_all(struct running *r, struct err *e)
{
    enum rc rc = RC_OK;
    while (!rc && (r->fds[1] >= 0 || r->fds[2] >= 0)) {
        struct pollfd p[2] = {{.fd = r->fds[1], .events = POLLIN}, {.fd = r->fds[2], .events = POLLIN}};
        (void)poll(p, 2, POLL_MS);
        for (int i = 0; i < 2; i++) {
            if (p[i].revents) {
                (void)read_some(r, i + 1);
            }
        }
        rc = may_go_on(r, e);
    }
    return rc;
}

static enum rc verdict(struct running *r, int status, struct err *e)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return r->out ? buf_check(r->out, "what git says", e) : RC_OK;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return err_set_code(e, RC_BUSY, "git_failed", NULL,
                            "the program git is not installed on this worker");
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) {
        return err_set_code(e, RC_TOO_BIG, "too_large", NULL, "the repository is larger than max_repo_bytes");
    }
    git_redact(&r->errors, r->g->auth);
    return git_classify(buf_str(&r->errors), e);
}

enum rc git_run(struct git *g, const char *const *argv, struct buf *out, struct err *e)
{
    struct running r = {.g = g, .fds = {-1, -1, -1}, .out = out};
    pid_t pid = 0;
    int status = 0;
    r.errors = BUF_LIMIT(2 * MAX_ERROR_BYTES + OUTPUT_PIECE);
    r.line = BUF_LIMIT(4096);
    r.deadline_us = clock_mono_us() + g->o.timeout_ms * 1000;
    enum rc rc = start(g, argv, (const bool[]){false, true, true}, r.fds, &pid, e);
    if (!rc) {
        rc = read_all(&r, e);
        close_all(r.fds);
        if (rc) {
            git_stop(pid);
        } else {
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
            }
            rc = verdict(&r, status, e);
        }
    }
    buf_dispose(&r.errors);
    buf_dispose(&r.line);
    return rc;
}
