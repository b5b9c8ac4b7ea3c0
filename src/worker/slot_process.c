/* slot_process.c: the processes that do the jobs. One is started when a job finds none idle, and goes from job to job: as soon as the
 * end of one is on its way to the server, it is there for the next. It is thrown away after any crash, any kill, a command that failed,
 * and PROCESS_JOBS_MAX jobs. A failure that its handler has told leaves it as sound as an answer does. */
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/messages.h"
#include "worker/supervisor.h"

#define PATH_OF_OURSELVES "/proc/self/exe"

/* ---- what it is told ---- */

static void write_more(struct slot_process *p)
{
    if (p->is_writing || !p->out_next.n) {
        return;
    }
    struct buf done = p->out;
    p->out = p->out_next;
    p->out_next = done;
    buf_clear(&p->out_next);
    struct str piece = buf_str(&p->out);
    p->is_writing = stream_write(p->stream, &piece, 1) == RC_BUSY;
}

static void on_written(void *ctx)
{
    struct slot_process *p = ctx;
    p->is_writing = false;
    write_more(p);
}

void slot_send(struct slot *s, struct buf *line)
{
    if (s->process) {
        message_end_line(line);
        buf_append_str(&s->process->out_next, buf_str(line));
        write_more(s->process);
    }
}

/* ---- what it says ---- */

static void heard(struct slot_process *p, const struct json *m)
{
    if (json_get(m, STR("ready"))) {
        p->is_starting = false;
        supervisor_offer_more(p->sup);
    } else if (p->slot) {
        slot_heard(p->slot, m);
    }
}

static void take_lines(struct slot_process *p)
{
    struct str line;
    size_t used;
    while (!p->is_reading_paused && message_next(&p->in, &line, &used)) {
        struct arena *a = arena_new();
        struct json *m = NULL;
        if (json_parse_envelope(line, a, &m, NULL) == RC_OK) {
            heard(p, m);
        }
        arena_free(a);
        buf_drop_front(&p->in, used);
    }
}

static void on_read(void *ctx, struct str bytes)
{
    struct slot_process *p = ctx;
    buf_append_str(&p->in, bytes);
    if (p->in.overflowed) {
        child_kill_group(p->child, SIGKILL); /* a line over the limit: a broken child */
        return;
    }
    take_lines(p);
}

static void on_stream_end(void *ctx, enum stream_end why)
{
    (void)ctx;
    (void)why; /* on_exit tells more */
}

void slot_process_pause(struct slot *s)
{
    s->process->is_reading_paused = true;
    stream_read_stop(s->process->stream);
}

void slot_process_go_on(struct slot *s)
{
    if (s->process && s->process->is_reading_paused) {
        s->process->is_reading_paused = false;
        stream_read_start(s->process->stream);
        take_lines(s->process);
    }
}

/* ---- its life ---- */

static void forget(struct slot_process *p)
{
    for (struct slot_process **at = &p->sup->idle; *at; at = &(*at)->next_idle) {
        if (*at == p) {
            *at = p->next_idle;
            break;
        }
    }
    if (p->slot) {
        p->slot->process = NULL;
    }
    stream_close(p->stream);
    buf_dispose(&p->in);
    buf_dispose(&p->out);
    buf_dispose(&p->out_next);
    mem_free(p);
}

static void drop(struct slot_process *p)
{
    child_kill_group(p->child, SIGKILL);
    child_detach(p->child);
    forget(p);
}

static void on_exit_of_child(void *ctx, struct child *c, const struct child_exit *x)
{
    struct slot_process *p = ctx;
    struct slot *s = p->slot;
    child_kill_group(c, SIGKILL); /* what the child has left behind in its group */
    take_lines(p);                /* its last words may have been the end of the job */
    forget(p);
    if (s) {
        slot_told_death(s, x);
    }
}

static enum rc start(struct slot *s, struct err *e)
{
    static const struct stream_handler handler = {on_read, on_stream_end, on_written};
    static const char *const argv[] = {PATH_OF_OURSELVES, "worker-child", NULL};
    struct child *child = NULL;
    int ours = -1;
    int theirs = -1;
    enum rc rc = child_socket_pair(&ours, &theirs, e);
    if (rc) {
        return rc;
    }
    struct slot_process *p = mem_alloc(sizeof *p);
    struct child_options o = {
        .argv = argv,
        .envp = (const char *const *)s->sup->envp,
        .fds = {-1, STDERR_FILENO, STDERR_FILENO, theirs},
        .fd_count = 4,
        .on_exit = on_exit_of_child,
        .ctx = p,
    };
    *p = (struct slot_process){.sup = s->sup,
                               .slot = s,
                               .in = BUF_LIMIT(8 << 20),
                               .out = BUF_LIMIT(16 << 20),
                               .out_next = BUF_LIMIT(16 << 20),
                               .is_starting = true};
    rc = child_start(s->sup->loop, &o, &child, e);
    close(theirs);
    if (rc) {
        close(ours);
        mem_free(p);
        return rc;
    }
    p->child = child;
    s->process = p;
    rc = stream_open(s->sup->loop, ours, &p->stream, e);
    if (rc) {
        drop(p);
        return rc;
    }
    stream_set_handler(p->stream, &handler, p);
    stream_read_start(p->stream);
    return RC_OK;
}

/* Under a key for all tenants: a process serves one of them. One that served another makes room. */
static struct slot_process *take_idle(struct slot *s)
{
    struct slot_process *other = s->sup->idle;
    for (struct slot_process **at = &s->sup->idle; *at; at = &(*at)->next_idle) {
        struct slot_process *p = *at;
        if (str_eq(str_from(p->tenant), str_from(s->tenant))) {
            *at = p->next_idle;
            p->next_idle = NULL;
            return p;
        }
    }
    if (other) {
        drop(other);
    }
    return NULL;
}

enum rc slot_process_get(struct slot *s, struct err *e)
{
    struct slot_process *p = take_idle(s);
    if (p) {
        p->slot = s;
        s->process = p;
    } else {
        enum rc rc = start(s, e);
        if (rc) {
            return rc;
        }
        str_copy(s->process->tenant, sizeof s->process->tenant, str_from(s->tenant));
    }
    s->process->jobs++;
    return RC_OK;
}

void slot_process_leave(struct slot *s)
{
    struct slot_process *p = s->process;
    if (!p) {
        return;
    }
    if (p->jobs >= PROCESS_JOBS_MAX || p->is_reading_paused) {
        drop(p);
        return;
    }
    p->slot = NULL;
    s->process = NULL;
    p->next_idle = s->sup->idle;
    s->sup->idle = p;
}

void slot_process_drop(struct slot *s)
{
    if (s->process) {
        drop(s->process);
    }
}

void slot_processes_end(struct supervisor *sup)
{
    while (sup->idle) {
        drop(sup->idle);
    }
}
