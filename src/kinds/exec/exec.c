/* exec.c: any program as a worker, in any language, with no library. It gets the args as JSON on standard input, may write events and
 * progress as NDJSON to descriptor 3 ({"progress":0.4,"message":"…"}, {"event":"name","data":…}, {"checkpoint":…},
 * {"artifact":"name","path":"…","media_type":"…"}, {"fail":{…}}), and gives its result in the file $STINT_RESULT or as the last line of its
 * output. Exit 0 = complete, 65 = permanent failure, 75 and all others = transient, a signal = crash.
 * The supervisor kills the whole process group at the timeout and at a cancel, so nothing here watches a clock. */
#include "kinds/exec/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_PERMANENT   65 /* EX_DATAERR of sysexits.h */
#define RESULT_MAX_BYTES (1 << 20)
#define EVENT_LINE_MAX   (256 << 10)
#define RESULT_FILE      "stint-result.json"
#define PIECE_BYTES      16384
#define LAST_LINES_BYTES 4096 /* of standard error, for the error's text */

struct run {
    struct attempt *at;
    pid_t pid;
    int in, out, events, errors; /* our ends of its descriptors 0, 1, 3, 2; -1 = closed */
    int exit;                    /* readable when the command has ended */
    struct str unsent;           /* of the args */
    struct buf output;           /* the last line of standard output, growing */
    struct buf line;             /* of descriptor 3 */
    struct buf tail;             /* of standard error */
    struct json *failure;        /* what it says that it fails with; NULL = nothing */
};

/* ---- starting it ---- */

static void child_side(const char *command, const int fds[4], const char *job, const char *attempt,
                       const char *checkpoint)
{
    char path[4096];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < 4; i++) {
        if (dup2(fds[i], i) < 0) { /* each is above 9, so that none covers another */
            _exit(126);
        }
    }
    (void)close_range(4, ~0U, 0);
    (void)signal(SIGPIPE, SIG_DFL); /* else `yes | head -1` in a command never ends as its author knows it */
    if (getcwd(path, sizeof(path) - sizeof(RESULT_FILE) - 1)) {
        (void)setenv("STINT_SCRATCH_DIR", path, 1);
        size_t n = strlen(path);
        str_print(path + n, sizeof(path) - n, "/%s", RESULT_FILE);
        (void)setenv("STINT_RESULT", path, 1);
    }
    (void)setenv("STINT_JOB", job, 1);
    (void)setenv("STINT_ATTEMPT", attempt, 1);
    (void)setenv("STINT_CHECKPOINT", checkpoint, 1);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static enum rc make_pipes(int ours[4], int theirs[4], struct err *e)
{
    for (int i = 0; i < 4; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC)) {
            return err_from_errno(e, errno, "pipe");
        }
        bool is_input = i == 0;
        ours[i] = pair[is_input];
        theirs[i] = fcntl(pair[!is_input], F_DUPFD_CLOEXEC, 10);
        close(pair[!is_input]);
    }
    return RC_OK;
}

static enum rc start(struct run *r, const char *command, struct err *e)
{
    int ours[4] = {-1, -1, -1, -1};
    int theirs[4] = {-1, -1, -1, -1};
    char number[24];
    struct arena *a = attempt_arena(r->at);
    const char *job = arena_c_str(a, attempt_job(r->at));
    const char *checkpoint = arena_c_str(a, attempt_checkpoint(r->at));

    str_print(number, sizeof(number), "%lld", (long long)attempt_number(r->at));
    enum rc rc = make_pipes(ours, theirs, e);
    if (rc) {
        return rc;
    }
    r->pid = fork();
    if (r->pid == 0) {
        child_side(command, theirs, job, number, checkpoint);
    }
    for (int i = 0; i < 4; i++) {
        close(theirs[i]);
    }
    if (r->pid < 0) {
        return err_from_errno(e, errno, "fork");
    }
    r->in = ours[0];
    r->out = ours[1];
    r->errors = ours[2];
    r->events = ours[3];
    (void)fcntl(r->in, F_SETFL, O_NONBLOCK);
    r->exit = (int)syscall(SYS_pidfd_open, r->pid, 0);
    if (r->exit < 0) {
        rc = err_from_errno(e, errno, "pidfd_open");
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
    }
    return rc;
}

/* ---- what it says on descriptor 3 ---- */

static void heard(struct run *r, struct str text)
{
    struct json *m = NULL;
    struct arena *a = attempt_arena(r->at);
    const struct json *v = NULL;
    if (json_parse(arena_str(a, text), a, &m, NULL) || m->type != JSON_OBJECT) {
        return; /* not for us */
    }
    if ((v = json_get(m, STR("progress"))) && (v->type == JSON_INT || v->type == JSON_REAL)) {
        const struct json *message = json_get(m, STR("message"));
        struct str words = message ? message->s : STR("");
        attempt_progress(r->at, (int64_t)(v->d * 1000), "%.*s", STR_ARG(words));
    } else if ((v = json_get(m, STR("event"))) && str_is_name(v->s)) {
        const struct json *data = json_get(m, STR("data"));
        attempt_event(r->at, arena_c_str(a, v->s), data ? data->raw : STR("null"));
    } else if ((v = json_get(m, STR("checkpoint")))) {
        attempt_checkpoint_save(r->at, v->raw);
    } else if ((v = json_get(m, STR("artifact"))) && str_is_name(v->s)) {
        const struct json *path = json_get(m, STR("path"));
        const struct json *media = json_get(m, STR("media_type"));
        attempt_artifact(r->at, arena_c_str(a, v->s),
                         media ? arena_c_str(a, media->s) : "application/octet-stream",
                         path ? arena_c_str(a, path->s) : "", STR(""), 1);
    } else if ((v = json_get(m, STR("fail"))) && v->type == JSON_OBJECT) {
        r->failure = m;
    }
}

static void take_events(struct run *r, struct str piece)
{
    for (struct str rest = piece; rest.n;) {
        struct str next = STR_NONE;
        struct str line = str_cut(rest, '\n', &next);
        buf_append_str(&r->line, line);
        if (!next.p) {
            return; /* the line goes on */
        }
        if (!r->line.overflowed) {
            heard(r, buf_str(&r->line));
        }
        buf_clear(&r->line);
        rest = next;
    }
}

/* Keeps what follows the last line end, and the line before it: the last line may or may not be terminated. */
static void take_output(struct run *r, struct str piece)
{
    buf_append_str(&r->output, piece);
    if (r->output.overflowed) {
        return;
    }
    struct str all = str_trim(buf_str(&r->output));
    for (size_t i = all.n; i > 0; i--) {
        if (all.p[i - 1] == '\n') {
            buf_drop_front(&r->output, i);
            return;
        }
    }
}

static void take_errors(struct run *r, struct str piece)
{
    (void)!write(STDERR_FILENO, piece.p, piece.n);
    buf_append_str(&r->tail, piece);
    if (r->tail.n > LAST_LINES_BYTES) {
        buf_drop_front(&r->tail, r->tail.n - LAST_LINES_BYTES);
    }
}

/* ---- pumping ---- */

static void feed(struct run *r)
{
    ssize_t n = r->unsent.n ? write(r->in, r->unsent.p, r->unsent.n) : 0;
    if (n > 0) {
        r->unsent = str_sub(r->unsent, (size_t)n, r->unsent.n);
    }
    if (!r->unsent.n || (n < 0 && errno != EAGAIN && errno != EINTR)) { /* all sent, or it does not care */
        close(r->in);
        r->in = -1;
    }
}

static void drain(struct run *r, int *fd, void (*take)(struct run *r, struct str piece))
{
    char bytes[PIECE_BYTES];
    ssize_t n = read(*fd, bytes, sizeof(bytes));
    if (n > 0) {
        take(r, (struct str){bytes, (size_t)n});
    } else if (n == 0 || errno != EINTR) {
        close(*fd);
        *fd = -1;
    }
}

/* What the command had said when it ended. */
static void drain_rest(struct run *r, int *fd, void (*take)(struct run *r, struct str piece))
{
    int waiting = 0;
    if (*fd < 0 || ioctl(*fd, FIONREAD, &waiting)) {
        return;
    }
    for (int taken = 0; taken < waiting && *fd >= 0; taken += PIECE_BYTES) {
        drain(r, fd, take);
    }
}

/* Until it has ended, whether its pipes have or not: what it leaves behind in the background may keep them open. */
static void pump(struct run *r)
{
    bool has_ended = false;
    while (!has_ended) {
        struct pollfd fds[5] = {{.fd = r->in, .events = POLLOUT},
                                {.fd = r->out, .events = POLLIN},
                                {.fd = r->events, .events = POLLIN},
                                {.fd = r->errors, .events = POLLIN},
                                {.fd = r->exit, .events = POLLIN}};
        if (poll(fds, 5, -1) < 0) {
            continue;
        }
        if (fds[0].revents) {
            feed(r);
        }
        if (fds[1].revents) {
            drain(r, &r->out, take_output);
        }
        if (fds[2].revents) {
            drain(r, &r->events, take_events);
        }
        if (fds[3].revents) {
            drain(r, &r->errors, take_errors);
        }
        has_ended = fds[4].revents != 0;
    }
    drain_rest(r, &r->out, take_output);
    drain_rest(r, &r->events, take_events);
    drain_rest(r, &r->errors, take_errors);
}

/* ---- its end ---- */

static void complete(struct run *r)
{
    struct arena *a = attempt_arena(r->at);
    struct buf file = BUF_LIMIT(RESULT_MAX_BYTES);
    struct err err = {0};
    enum rc rc = buf_read_file(&file, RESULT_FILE, &err);
    struct str text = str_trim(rc == RC_OK ? buf_str(&file) : buf_str(&r->output));
    struct buf quoted = BUF_LIMIT(2 * RESULT_MAX_BYTES);

    if (rc == RC_TOO_BIG || r->output.overflowed) {
        attempt_fail(r->at, ERROR_PERMANENT, "result_too_big", "the result is over %d bytes",
                     RESULT_MAX_BYTES);
    } else if (!text.n) {
        attempt_complete(r->at, STR("null"));
    } else if (json_validate(text, NULL) == RC_OK) {
        attempt_complete(r->at, arena_str(a, text));
    } else { /* a line of text is a fine result too */
        struct json_out w = json_writer(&quoted);
        json_str(&w, text);
        attempt_complete(r->at, buf_str(&quoted));
    }
    buf_dispose(&quoted);
    buf_dispose(&file);
}

static struct str last_words(const struct run *r)
{
    struct str s = str_trim(buf_str(&r->tail));
    size_t from = s.n > 500 ? s.n - 500 : 0;
    return str_sub(s, from, s.n);
}

static struct str text_of(const struct json *o, struct str name, struct str otherwise)
{
    const struct json *v = json_get(o, name);
    return v && v->type == JSON_STRING ? v->s : otherwise;
}

/* {"fail": {"class": …, "code": …, "message": …, "retry_after_s": …, "pause_key": …}}: as in a report. */
static void fail_as_told(struct run *r)
{
    struct arena *a = attempt_arena(r->at);
    const struct json *f = json_get(r->failure, STR("fail")), *after = json_get(f, STR("retry_after_s"));
    const char *code = arena_c_str(a, text_of(f, STR("code"), STR("exit")));
    const char *message = arena_c_str(a, text_of(f, STR("message"), last_words(r)));
    struct str key = text_of(f, STR("pause_key"), STR(""));
    bool has_time = after && (after->type == JSON_INT || after->type == JSON_REAL) && after->d >= 0;
    int64_t wait_ms = has_time ? (int64_t)(after->d < 1e12 ? after->d * 1000 : 1e15) : -1;
    enum error_class class = ERROR_TRANSIENT;
    if (!error_class_parse(text_of(f, STR("class"), STR("transient")), &class)) {
        attempt_fail(r->at, ERROR_PERMANENT, "invalid_outcome",
                     "the command failed with a class that there is not");
    } else if (class != ERROR_RATE_LIMITED) {
        attempt_fail(r->at, class, code, "%s", message);
    } else if (key.n) {
        attempt_fail_pausing(r->at, key, wait_ms, code, message);
    } else {
        attempt_fail_after(r->at, wait_ms, code, message);
    }
}

static void finish(struct run *r)
{
    int status = 0;
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR) {
    }
    struct str words = last_words(r);
    if (WIFSIGNALED(status)) {
        attempt_fail(r->at, ERROR_CRASH, "signal", "the command died by signal %d: %.*s", WTERMSIG(status),
                     STR_ARG(words));
    } else if (r->failure) {
        fail_as_told(r);
    } else if (WEXITSTATUS(status) == 0) {
        complete(r);
    } else {
        bool is_permanent = WEXITSTATUS(status) == EXIT_PERMANENT;
        attempt_fail(r->at, is_permanent ? ERROR_PERMANENT : ERROR_TRANSIENT, "exit",
                     "the command ended with code %d: %.*s", WEXITSTATUS(status), STR_ARG(words));
    }
}

static void on_supervisor_death(int number)
{
    (void)number;
    (void)kill(0, SIGKILL);
}

/* When the supervisor dies, its children die with it, but not theirs, which the shell has started: the whole group goes. */
static void die_together(void)
{
    struct sigaction action = {.sa_handler = on_supervisor_death};
    (void)sigaction(SIGRTMAX, &action, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGRTMAX);
}

static enum rc exec_run(struct attempt *at, struct err *e)
{
    struct str command = attempt_option(at, "exec");
    struct run r = {
        .at = at,
        .in = -1,
        .out = -1,
        .events = -1,
        .errors = -1,
        .exit = -1,
        .unsent = attempt_args(at),
        .output = BUF_LIMIT(RESULT_MAX_BYTES + 65536),
        .line = BUF_LIMIT(EVENT_LINE_MAX),
        .tail = BUF_LIMIT(LAST_LINES_BYTES + 16384),
    };
    if (!command.n) {
        return err_set_code(e, RC_INVALID, "no_command", NULL,
                            "no command is configured for this kind (--exec KIND=COMMAND)");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    die_together();
    enum rc rc = start(&r, arena_c_str(attempt_arena(at), command), e);
    if (!rc) {
        pump(&r);
        finish(&r);
    }
    const int fds[] = {r.in, r.out, r.events, r.errors, r.exit};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    buf_dispose(&r.output);
    buf_dispose(&r.line);
    buf_dispose(&r.tail);
    return rc;
}

const struct handler exec_handler = {
    .kind = "exec",
    .run = exec_run,
    .help = "runs the command given with --exec KIND=COMMAND",
};
