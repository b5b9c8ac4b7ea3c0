/* test.h: how a test looks. Write
 *
 *     TEST(an_expired_lease_returns_the_job_once) { … }
 *
 * anywhere in test/unit or test/store, and it runs: there is no list to edit. Each test is its own process with a time
 * limit (60 s unless TEST_WITHIN says otherwise) and its own empty folder, and has `struct err *e` in scope for OK(). */
#ifndef STINT_TEST_H
#define STINT_TEST_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#include <check.h>
#include <inttypes.h>

/* A test as it stands in the registry. `run` is called in the test's own process. */
struct test_case {
    const char *name;
    const char *file;
    int line;
    int limit_s;
    void (*run)(struct err *e, const void *arg);
    const void *arg; /* handed to run: which engine, which row of a table */
    struct test_case *next;
};

/* Puts a test into the registry; for macros like TEST. `t` must live for ever. */
void test_register(struct test_case *t);

/* The folder of the running test: empty at its start, removed after it (kept when the test fails and KEEP=1 is set). */
const char *test_dir(void);
/* A path in test_dir(); lives as long as the test. */
const char *test_path(const char *name);

#define TEST_WITHIN(test_name, seconds)                                                                      \
    static void test_name(struct err *e);                                                                    \
    static void test_run_##test_name(struct err *e, const void *arg)                                         \
    {                                                                                                        \
        (void)arg;                                                                                           \
        test_name(e);                                                                                        \
    }                                                                                                        \
    __attribute__((constructor)) static void test_add_##test_name(void)                                      \
    {                                                                                                        \
        static struct test_case t = {#test_name,           __FILE__, __LINE__, (seconds),                    \
                                     test_run_##test_name, NULL,     NULL};                                  \
        test_register(&t);                                                                                   \
    }                                                                                                        \
    static void test_name(struct err *e __attribute__((unused)))
#define TEST(test_name) TEST_WITHIN(test_name, 60)

/* Each ends the test at the first difference and shows both sides. */
#define CHECK_TRUE(claim)    ((claim) ? test_mark(__FILE__, __LINE__) : ck_abort_msg("not true: %s", #claim))
#define CHECK_FALSE(claim)   ((claim) ? ck_abort_msg("true: %s", #claim) : test_mark(__FILE__, __LINE__))
#define CHECK_INT(got, want) test_check_int(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(want))
#define CHECK_STR(got, want) test_check_str(__FILE__, __LINE__, #got, (got), (want))
/* The call succeeds, or the test fails with the error's own text. Needs `e` in scope. */
#define OK(call) test_check_ok(__FILE__, __LINE__, #call, (call), e)
/* The call fails with this code. */
#define FAILS(call, want_rc) test_check_rc(__FILE__, __LINE__, #call, (call), (want_rc), e)

/* The value of a text, in the arena; what is no JSON fails the test. */
struct json *test_json(const char *text, struct arena *a);
/* Where the test was last, for the report of one that dies. Each is a message to the runner: a check in a loop sends one only. */
void test_mark(const char *file, int line);
void test_check_int(const char *file, int line, const char *what, int64_t got, int64_t want);
void test_check_str(const char *file, int line, const char *what, struct str got, struct str want);
void test_check_ok(const char *file, int line, const char *what, enum rc rc, const struct err *e);
void test_check_rc(const char *file, int line, const char *what, enum rc rc, enum rc want,
                   const struct err *e);

#endif
