/* base_log.c: log lines, and the places where faults are planted. */
#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "test.h"

static int saved_stderr = -1;

static void capture_begin(void)
{
    int fd = open(test_path("log"), O_CREAT | O_TRUNC | O_WRONLY, 0600);

    CHECK_TRUE(fd >= 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static struct str capture_end(struct buf *b, struct err *e)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    OK(buf_read_file(b, test_path("log"), e));
    return buf_str(b);
}

TEST(a_line_is_time_level_name_and_values)
{
    struct buf b = BUF_LIMIT(10000);
    struct id id = id_from_parts(1700000000000LL << 21, 1);
    int64_t at = 0;

    capture_begin();
    log_info("job.claimed", L_ID("id", id), L_STR("queue", STR("mail")), L_INT("wait_ms", -12));
    struct str line = capture_end(&b, e);
    struct str rest;
    struct str time = str_cut(line, ' ', &rest);

    CHECK_TRUE(time_parse(time, &at));
    CHECK_STR(rest, STR("info job.claimed id=018bcfe5-6800-7000-8000-000000000001 queue=mail wait_ms=-12\n"));
    buf_dispose(&b);
}

TEST(values_that_could_forge_a_line_are_quoted)
{
    struct buf b = BUF_LIMIT(10000);

    capture_begin();
    log_warn("x", L_C("a", "one two"), L_C("b", "q\"q"), L_C("c", "x\n2026 error forged"), L_C("d", "k=v"),
             L_C("e", ""), L_C("f", NULL), L_C("g", "\xFF"), L_C("h", "\xC3\xA4"));
    struct str line = capture_end(&b, e);

    CHECK_INT(str_find_char(line, '\n', 0), line.n - 1);
    CHECK_STR(str_sub(line, TIME_TEXT_BYTES + 1, line.n),
              STR("warn x a=\"one two\" b=\"q\\\"q\" c=\"x\\n2026 error forged\" d=\"k=v\" e=\"\" f=\"\" "
                  "g=\"\xEF\xBF\xBD\" h=\xC3\xA4\n"));
    buf_dispose(&b);
}

TEST(lines_below_the_level_are_not_written)
{
    struct buf b = BUF_LIMIT(10000);

    capture_begin();
    log_debug("hidden", L_INT("n", 1));
    log_set_level(LOG_ERROR);
    log_warn("hidden", L_INT("n", 1));
    log_error("shown", L_INT("n", 1));
    struct str line = capture_end(&b, e);

    CHECK_STR(str_sub(line, TIME_TEXT_BYTES + 1, line.n), STR("error shown n=1\n"));
    buf_dispose(&b);
}

TEST(a_line_of_any_size_stays_one_line_with_a_limit)
{
    struct buf b = BUF_LIMIT(1 << 20);
    char big[5000];
    struct log_value values[30];

    memset(big, 'x', sizeof big);
    for (size_t k = 0; k < 30; k++) {
        values[k] = L_STR("v", ((struct str){big, sizeof big}));
    }
    capture_begin();
    log_write(LOG_INFO, "big", values, 30);
    struct str line = capture_end(&b, e);

    CHECK_INT(str_find_char(line, '\n', 0), line.n - 1);
    CHECK_TRUE(line.n <= 16384 && line.n > 8192);
    buf_dispose(&b);
}

TEST(a_level_is_known_by_its_name)
{
    enum log_level level = LOG_INFO;

    CHECK_TRUE(log_level_parse(STR("debug"), &level));
    CHECK_INT(level, LOG_DEBUG);
    CHECK_TRUE(log_level_parse(STR("error"), &level));
    CHECK_INT(level, LOG_ERROR);
    CHECK_FALSE(log_level_parse(STR("fatal"), &level));
    CHECK_INT(level, LOG_ERROR);
}

TEST(an_armed_fault_fails_once_at_its_turn)
{
    fault_arm("store.commit", "fail", 3);
    CHECK_FALSE(FAULT("store.commit"));
    CHECK_FALSE(FAULT("store.open"));
    CHECK_FALSE(FAULT("store.commit"));
    CHECK_TRUE(FAULT("store.commit"));
    CHECK_FALSE(FAULT("store.commit"));
}

TEST(a_lasting_fault_fails_until_it_is_disarmed)
{
    fault_arm("store.commit", "always", 2);
    CHECK_FALSE(FAULT("store.commit"));
    CHECK_TRUE(FAULT("store.commit"));
    CHECK_TRUE(FAULT("store.commit"));
    fault_disarm();
    CHECK_FALSE(FAULT("store.commit"));
}

TEST(a_fault_from_the_environment_kills_the_process_like_kill_9)
{
    int status = 0;
    pid_t pid = fork();

    CHECK_TRUE(pid >= 0);
    if (pid == 0) {
        setenv("STINT_FAULT", "store.commit:kill:2", 1);
        if (FAULT("store.commit") || FAULT("store.commit")) {
            _exit(1);
        }
        _exit(0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_TRUE(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGKILL);
}

TEST(a_pausing_fault_stops_the_process_until_it_is_continued)
{
    int status = 0;
    pid_t pid = fork();

    CHECK_TRUE(pid >= 0);
    if (pid == 0) {
        fault_arm("here", "pause", 1);
        _exit(FAULT("here") ? 1 : 0);
    }
    CHECK_INT(waitpid(pid, &status, WUNTRACED), pid);
    CHECK_TRUE(WIFSTOPPED(status));
    kill(pid, SIGCONT);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
