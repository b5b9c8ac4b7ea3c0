/* sandbox.c: rlimits, no_new_privs, and seccomp for the parser. The only user of libseccomp. */
#include "worker/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FETCH_FILES      256
#define FETCH_FILE_BYTES (4ULL << 30)
#define PARSE_MEMORY     (512ULL << 20)
#define PARSE_CPU_S      600 /* of its whole life; the single request has a wall clock of its own */
#define QUERY_CPU_S      60
#define QUERY_FILES      16

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0 /* a sanitizer needs address space and calls that the parser must not have */
#endif

static void limit(__rlimit_resource_t what, rlim_t most)
{
    struct rlimit r = {most, most};
    (void)setrlimit(what, &r); /* best effort: a lower hard limit stands */
}

void sandbox_enter_fetch(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_DUMPABLE, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, FETCH_FILES);
    limit(RLIMIT_FSIZE, FETCH_FILE_BYTES);
}

static const int parse_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(close),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(sysinfo), /* qsort asks how much memory there is */
};

/* What SQLite needs beside them to read one file. */
static const int query_calls[] = {
    SCMP_SYS(open),       SCMP_SYS(openat), SCMP_SYS(pread64), SCMP_SYS(lseek),    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(stat),   SCMP_SYS(lstat),   SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(access),     SCMP_SYS(fcntl),  SCMP_SYS(getcwd),  SCMP_SYS(geteuid),  SCMP_SYS(faccessat),
};

static bool allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0) {
            return false;
        }
    }
    return true;
}

static bool enter_seccomp(bool may_open)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool is_ok = filter != NULL && allow(filter, parse_calls, sizeof(parse_calls) / sizeof(parse_calls[0]));
    is_ok = is_ok && (!may_open || allow(filter, query_calls, sizeof(query_calls) / sizeof(query_calls[0])));
    is_ok = is_ok && seccomp_load(filter) == 0;
    if (filter) {
        seccomp_release(filter);
    }
    return is_ok;
}

void sandbox_enter_parse(void)
{
    sandbox_enter_fetch();
    /* The signal comes when the thread that started us ends, and a handler's threads come and go. When the whole slot
     * ends, its socket closes and its process group is killed. */
    (void)prctl(PR_SET_PDEATHSIG, 0);
    if (IS_SANITIZED) {
        return;
    }
    limit(RLIMIT_AS, PARSE_MEMORY);
    limit(RLIMIT_CPU, PARSE_CPU_S);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, 0);
    (void)enter_seccomp(false); /* an old kernel: the limits above and the supervisor's clock remain */
}

/* Landlock: of all files this one may still be opened, and only to read it. */
static void see_only(const char *path)
{
    struct landlock_ruleset_attr all = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
                                              .parent_fd = fd};
    if (rules >= 0 && fd >= 0 &&
        syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) {
        (void)syscall(SYS_landlock_restrict_self, rules,
                      0); /* an old kernel: seccomp and the limits remain */
    }
    close(fd);
    close(rules);
}

void sandbox_enter_query(const char *path)
{
    sandbox_enter_fetch();
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CPU, QUERY_CPU_S);
    limit(RLIMIT_NOFILE, QUERY_FILES);
    see_only(path);
    if (IS_SANITIZED) {
        return;
    }
    limit(RLIMIT_AS, PARSE_MEMORY);
    (void)enter_seccomp(true);
}

const char *sandbox_level(void)
{
    bool has_seccomp = !IS_SANITIZED && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
    return has_seccomp ? "seccomp+rlimits" : "rlimits";
}
