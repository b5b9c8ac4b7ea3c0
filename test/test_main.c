/* test_main.c: runs the registered tests with Check: one process each, a time limit each, a folder each.
 * Usage: unit [TEXT...] runs the tests whose name or file holds one of the texts; `--list` prints the names. */
#include "test.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static struct test_case *tests; /* in order of registration, reversed */
static char base_dir[PATH_MAX];
static char own_dir[PATH_MAX];

void test_register(struct test_case *t)
{
    t->next = tests;
    tests = t;
}

const char *test_dir(void)
{
    return own_dir;
}

const char *test_path(const char *name)
{
    /* A list that stays reachable: the leak check then sees the leaks of what is tested, and only those. */
    static struct path {
        struct path *next;
        char text[PATH_MAX];
    } * paths;
    struct path *p = calloc(1, sizeof *p);

    if (!p || snprintf(p->text, sizeof p->text, "%s/%s", own_dir, name) >= (int)sizeof p->text) {
        abort();
    }
    p->next = paths;
    paths = p;
    return p->text;
}

void test_mark(const char *file, int line)
{
    static _Thread_local const char *last_file;
    static _Thread_local int last_line;
    if (line != last_line || file != last_file) {
        _mark_point(file, line);
        last_file = file;
        last_line = line;
    }
}

void test_check_int(const char *file, int line, const char *what, int64_t got, int64_t want)
{
    if (got != want) {
        _ck_assert_failed(file, line, "", "%s is %" PRId64 ", expected %" PRId64, what, got, want);
    }
    test_mark(file, line);
}

void test_check_str(const char *file, int line, const char *what, struct str got, struct str want)
{
    if (got.n != want.n || (want.n > 0 && memcmp(got.p, want.p, want.n) != 0)) {
        _ck_assert_failed(file, line, "", "%s is \"%.*s\" (%zu bytes), expected \"%.*s\" (%zu bytes)", what,
                          STR_ARG(got), got.n, STR_ARG(want), want.n);
    }
    test_mark(file, line);
}

void test_check_ok(const char *file, int line, const char *what, enum rc rc, const struct err *e)
{
    if (rc != RC_OK) {
        _ck_assert_failed(file, line, "", "%s: rc %d: %s", what, (int)rc, e->text);
    }
    test_mark(file, line);
}

void test_check_rc(const char *file, int line, const char *what, enum rc rc, enum rc want,
                   const struct err *e)
{
    if (rc != want) {
        _ck_assert_failed(file, line, "", "%s: rc %d, expected %d: %s", what, (int)rc, (int)want,
                          rc ? e->text : "no error");
    }
    test_mark(file, line);
}

struct json *test_json(const char *text, struct arena *a)
{
    struct err error = {0}, *e = &error;
    struct json *value = NULL;
    OK(json_parse(str_from(text), a, &value, e));
    return value;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Check's name for a test carries a function that takes a number only, so all share this one, and the number tells which. */
static struct test_case **table;

static void run_in_child(int index)
{
    const struct test_case *t = table[index];
    struct err e = {0};

    if (snprintf(own_dir, sizeof own_dir, "%s/%d", base_dir, index) >= (int)sizeof own_dir ||
        mkdir(own_dir, 0700) != 0) {
        ck_abort_msg("cannot make the folder of the test: errno %d", errno);
    }
    t->run(&e, t->arg);
    remove_tree(own_dir); /* a test that fails does not come here: main removes or keeps its folder */
}

static bool has_text(const struct test_case *t, const char *text)
{
    return strstr(t->name, text) || strstr(t->file, text);
}

/* Words are texts of a test's name or file: any of them will do; one that begins with ! leaves tests out. */
static bool is_wanted(const struct test_case *t, int argc, char **argv)
{
    bool is_filtered = false, is_found = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '!') {
            if (has_text(t, argv[i] + 1)) {
                return false;
            }
        } else if (argv[i][0] != '-') {
            is_filtered = true;
            is_found = is_found || has_text(t, argv[i]);
        }
    }
    return is_found || !is_filtered;
}

static int compare_tests(const void *a, const void *b)
{
    const struct test_case *x = *(struct test_case *const *)a, *y = *(struct test_case *const *)b;
    int by_file = strcmp(x->file, y->file);
    return by_file ? by_file : x->line - y->line;
}

/* The wanted tests in order of file and line, in `table`; returns how many. */
static int select_tests(int argc, char **argv)
{
    int n = 0;
    for (struct test_case *t = tests; t; t = t->next) {
        n++;
    }
    table = calloc((size_t)n + 1, sizeof *table);
    if (!table) {
        abort();
    }
    n = 0;
    for (struct test_case *t = tests; t; t = t->next) {
        if (is_wanted(t, argc, argv)) {
            table[n++] = t;
        }
    }
    qsort(table, (size_t)n, sizeof(struct test_case *), compare_tests);
    return n;
}

/* STINT_PATIENCE=n multiplies every time limit: for sanitizers, for long runs, for a machine with other work. */
static double patience(void)
{
    const char *told = getenv("STINT_PATIENCE");
    int64_t factor = 1;
    if (told && (!str_to_i64(str_from(told), &factor) || factor < 1)) {
        fprintf(stderr, "STINT_PATIENCE is a number from 1\n");
        exit(2);
    }
    return (double)factor;
}

/* One case for each test, because Check keeps the time limit there; its name is the test's file. */
static Suite *suite_of(int n)
{
    Suite *suite = suite_create("stint");
    static TTest *ttests; /* Check keeps pointers to them */
    ttests = calloc((size_t)n + 1, sizeof *ttests);
    if (!ttests) {
        abort();
    }
    for (int i = 0; i < n; i++) {
        const char *slash = strrchr(table[i]->file, '/');
        TCase *tcase = tcase_create(slash ? slash + 1 : table[i]->file);
        ttests[i] = (TTest){table[i]->name, run_in_child, table[i]->file, table[i]->line};
        tcase_set_timeout(tcase, patience() * table[i]->limit_s);
        tcase_add_loop_test(tcase, &ttests[i], i, i + 1);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}

int main(int argc, char **argv)
{
    int n = select_tests(argc, argv);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < n; i++) {
            printf("%s\n", table[i]->name);
        }
        return 0;
    }

    const char *tmp = getenv("TMPDIR");
    snprintf(base_dir, sizeof base_dir, "%s/stint-test.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(base_dir)) {
        perror(base_dir);
        return 2;
    }

    SRunner *runner = srunner_create(suite_of(n));
    srunner_run_all(runner, getenv("VERBOSE") ? CK_VERBOSE : CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    if (failed > 0 && getenv("KEEP")) {
        printf("kept: %s\n", base_dir);
    } else {
        remove_tree(base_dir);
    }
    return failed > 0 ? 1 : 0;
}
