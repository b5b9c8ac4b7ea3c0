/* cmd_copy.c: stint copy: moves a store into another one, of any engine (store/copy.h). Progress goes to standard error, the
 * result to standard output. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/command.h"
#include "store/copy.h"

#define TELL_EVERY_US 1000000

struct meter {
    int64_t begun_us, told_us;
    bool was_resumed, is_verifying;
};

static void begin(struct meter *m)
{
    m->begun_us = m->told_us = clock_mono_us();
}

/* At most once a second, and when what is done changes. */
static void on_progress(void *ctx, const struct copy_progress *p)
{
    struct meter *m = ctx;
    if (p->is_resumed && !m->was_resumed) {
        (void)fprintf(stderr, "Going on with an unfinished copy.\n");
        m->was_resumed = true;
    }
    if (p->is_verifying && !m->is_verifying) {
        m->is_verifying = true;
        begin(m);
    }
    int64_t now_us = clock_mono_us(), us = now_us - m->begun_us;
    if (now_us - m->told_us < TELL_EVERY_US || p->table >= p->table_count) {
        return;
    }
    m->told_us = now_us;
    (void)fprintf(stderr, "%s %-12s %lld rows, %lld MiB, %lld rows/s\n",
                  p->is_verifying ? "comparing" : "copying", p->tables[p->table].name, (long long)p->rows,
                  (long long)(p->bytes >> 20), (long long)(p->rows * 1000000 / (us + 1)));
}

static void print_result(const struct copy_progress *p, double seconds)
{
    int64_t rows = 0;
    (void)printf("%-14s %12s  %s\n", "TABLE", "ROWS", "CHECKSUM");
    for (int i = 0; i < p->table_count; i++) {
        (void)printf("%-14s %12lld  %016llx\n", p->tables[i].name, (long long)p->tables[i].rows,
                     (unsigned long long)p->tables[i].checksum);
        rows += p->tables[i].rows;
    }
    (void)printf("The two are equal. %lld rows in %.1f s, comparison included.\n", (long long)rows, seconds);
}

int cmd_copy(const struct options *o)
{
    struct meter m = {0};
    const struct copy_options co = {
        .unsafe = options_flag(o, "store-unsafe"), .on_progress = on_progress, .ctx = &m};
    struct copy_progress p = {0};
    struct err e = {0};
    const char *from = options_str(o, "from").p, *to = options_str(o, "to").p;
    if (!from || !to || options_arg_count(o)) {
        return command_fail(o, EXIT_USAGE, "needs --from STORE and --to STORE");
    }
    begin(&m);
    int64_t begun_us = m.begun_us;
    enum rc rc = store_copy(from, to, &co, &p, &e);
    if (rc) {
        return command_fail(o, command_exit_code(rc), "%s", e.text);
    }
    print_result(&p, (double)(clock_mono_us() - begun_us) / 1e6);
    return EXIT_OK;
}
