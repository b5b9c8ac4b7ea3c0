/* loop_children.c: see loop_children.h. Processes are started with posix_spawn and reaped with wait4 after SIGCHLD,
 * not with libuv's own functions, which tell no resource usage and cannot make a process group without a session. */
#include "loop/loop_children.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "loop/loop_private.h"

extern char **environ;

struct child {
    struct loop *loop;
    struct child *next;
    pid_t pid;
    void (*on_exit)(void *ctx, struct child *c, const struct child_exit *x); /* NULL = detached */
    void *ctx;
};

static void reap(struct child *c, int wait_status, const struct rusage *usage)
{
    struct child_exit x = {.usage = *usage};
    if (WIFSIGNALED(wait_status)) {
        x.signal = WTERMSIG(wait_status);
    } else {
        x.status = WEXITSTATUS(wait_status);
    }
    if (c->on_exit) {
        c->on_exit(c->ctx, c, &x);
    }
    mem_free(c);
}

/* Asks for each child of this loop by its id, so that nobody else's children are taken away. */
static void on_sigchld(void *ctx, int signum)
{
    struct loop *l = ctx;
    struct child *over = NULL, **over_end = &over;
    struct child **at = &l->children;
    (void)signum;

    while (*at) {
        struct child *c = *at;
        siginfo_t info = {.si_pid = 0};
        if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == c->pid) {
            *at = c->next;
            *over_end = c;
            over_end = &c->next;
            c->next = NULL;
        } else {
            at = &c->next;
        }
    }
    /* Callbacks come after the walk: they may start and kill children. */
    while (over) {
        struct child *c = over;
        struct rusage usage = {.ru_maxrss = 0};
        int wait_status = 0;
        over = c->next;
        while (wait4(c->pid, &wait_status, 0, &usage) < 0 && errno == EINTR) {
        }
        reap(c, wait_status, &usage);
    }
}

static void close_copies(int *copies, int count)
{
    for (int i = 0; i < count; i++) {
        if (copies[i] >= 0) {
            close(copies[i]);
        }
    }
}

/* Copies every descriptor to a number above all targets first, so that no dup2 can overwrite one still needed. */
static enum rc copy_fds(const struct child_options *o, int *copies, struct err *e)
{
    for (int i = 0; i < o->fd_count; i++) {
        copies[i] = o->fds[i] >= 0 ? fcntl(o->fds[i], F_DUPFD_CLOEXEC, CHILD_FDS_MAX)
                                   : open("/dev/null", O_RDWR | O_CLOEXEC);
        if (copies[i] >= 0 && copies[i] < CHILD_FDS_MAX) {
            int low = copies[i];
            copies[i] = fcntl(low, F_DUPFD_CLOEXEC, CHILD_FDS_MAX);
            close(low);
        }
        if (copies[i] < 0) {
            int failed = errno;
            close_copies(copies, i);
            return err_from_errno(e, failed, "prepare the descriptors of a child");
        }
    }
    return RC_OK;
}

static int spawn(const struct child_options *o, const int *copies, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t all, none;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int rc = 0;
    for (int i = 0; i < o->fd_count && !rc; i++) {
        rc = posix_spawn_file_actions_adddup2(&actions, copies[i], i);
    }
    if (!rc) {
        rc = posix_spawn_file_actions_addclosefrom_np(&actions, o->fd_count);
    }
    if (!rc && o->cwd) {
        rc = posix_spawn_file_actions_addchdir_np(&actions, o->cwd);
    }
    if (!rc) {
        char *const *envp = o->envp ? (char *const *)(uintptr_t)o->envp : environ;
        rc = posix_spawnp(pid, o->argv[0], &actions, &attr, (char *const *)(uintptr_t)o->argv, envp);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return rc;
}

enum rc child_start(struct loop *l, const struct child_options *o, struct child **out, struct err *e)
{
    int copies[CHILD_FDS_MAX];
    pid_t pid = 0;

    assert(o->fd_count >= 3 && o->fd_count <= CHILD_FDS_MAX && o->on_exit);
    enum rc rc = copy_fds(o, copies, e);
    if (rc) {
        return rc;
    }
    loop_on_signal(l, SIGCHLD, on_sigchld, l); /* before the start: a child may end at once */
    int failed = spawn(o, copies, &pid);
    close_copies(copies, o->fd_count);
    if (failed) {
        return err_from_errno(e, failed, o->argv[0]);
    }
    struct child *c = mem_alloc(sizeof *c);
    *c = (struct child){.loop = l, .next = l->children, .pid = pid, .on_exit = o->on_exit, .ctx = o->ctx};
    l->children = c;
    *out = c;
    return RC_OK;
}

void child_kill_group(struct child *c, int signum)
{
    kill(-c->pid, signum);
}

void child_detach(struct child *c)
{
    c->on_exit = NULL;
}

void children_forget(struct loop *l)
{
    while (l->children) {
        struct child *c = l->children;
        l->children = c->next;
        mem_free(c);
    }
}

enum rc child_socket_pair(int *ours, int *theirs, struct err *e)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        return err_from_errno(e, errno, "socketpair");
    }
    int flags = fcntl(fds[0], F_GETFL);
    if (flags < 0 || fcntl(fds[0], F_SETFL, flags | O_NONBLOCK) < 0) {
        int failed = errno;
        close(fds[0]);
        close(fds[1]);
        return err_from_errno(e, failed, "socketpair");
    }
    *ours = fds[0];
    *theirs = fds[1];
    return RC_OK;
}
