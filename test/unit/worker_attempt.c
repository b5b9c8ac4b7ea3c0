/* What an attempt tells the supervisor. */
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "worker/attempt.h"
#include "worker/messages.h"

/* What `tell` sends to the supervisor, from a process like that of a slot. */
static struct str told(void (*tell)(struct attempt *at), struct arena *a)
{
    struct buf all = BUF_LIMIT(1 << 20);
    char piece[4096];
    int pair[2];
    ssize_t n;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct attempt at = {.a = a};
        if (dup2(pair[1], MESSAGE_FD) != MESSAGE_FD) {
            _exit(1);
        }
        tell(&at);
        _exit(0);
    }
    (void)close(pair[1]);
    while ((n = read(pair[0], piece, sizeof piece)) > 0) {
        buf_append(&all, piece, (size_t)n);
    }
    (void)close(pair[0]);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    struct str text = buf_give(&all, a);
    buf_dispose(&all);
    return text;
}

static void tell_behind_the_end(struct attempt *at)
{
    attempt_event(at, "before", STR("1"));
    attempt_complete(at, STR("2"));
    attempt_progress(at, 500, "late");
    attempt_event(at, "behind", STR("3"));
    attempt_checkpoint_save(at, STR("4"));
    attempt_fail(at, ERROR_CRASH, "late", "late");
}

TEST(what_is_told_behind_the_end_is_not_taken_for_news_of_the_next_job)
{
    struct arena *a = arena_new();
    CHECK_STR(told(tell_behind_the_end, a),
              STR("{\"event\":{\"type\":\"before\",\"data\":1,\"root\":false}}\n{\"complete\":2}\n"));
    arena_free(a);
}

static void tell_with_the_end(struct attempt *at)
{
    attempt_hold(at);
    attempt_event(at, "held", STR("1"));
    attempt_complete(at, STR("2"));
    attempt_event(at, "behind", STR("3"));
}

TEST(what_is_held_comes_in_order_with_the_end)
{
    struct arena *a = arena_new();
    CHECK_STR(told(tell_with_the_end, a),
              STR("{\"event\":{\"type\":\"held\",\"data\":1,\"root\":false}}\n{\"complete\":2}\n"));
    arena_free(a);
}

static struct str too_much(struct attempt *at)
{
    char *text = arena_alloc(at->a, MESSAGE_MAX_BYTES + 2);
    memset(text, '1', MESSAGE_MAX_BYTES + 2);
    return (struct str){text, MESSAGE_MAX_BYTES + 2};
}

static void tell_too_much(struct attempt *at)
{
    attempt_event(at, "fits", STR("1"));
    attempt_complete(at, too_much(at));
    attempt_event(at, "behind", STR("3"));
}

static void tell_too_much_on_the_way(struct attempt *at)
{
    attempt_hold(at);
    attempt_event(at, "fits", STR("1"));
    attempt_checkpoint_save(at, too_much(at));
    attempt_complete(at, STR("2"));
}

/* Else its job would have no end: the supervisor waits for one. */
TEST(what_fits_into_no_message_fails_its_job)
{
    struct arena *a = arena_new();
    struct str expected = STR("{\"event\":{\"type\":\"fits\",\"data\":1,\"root\":false}}\n"
                              "{\"fail\":{\"class\":\"permanent\",\"code\":\"result_too_big\","
                              "\"message\":\"what the job tells at once is over 8388608 bytes\","
                              "\"retry_after_ms\":-1,\"pause_key\":\"\"}}\n");
    CHECK_STR(told(tell_too_much, a), expected);
    CHECK_STR(told(tell_too_much_on_the_way, a), expected);
    arena_free(a);
}
