/* core_batch_progress.c: how far a batch is. */
#include "core/batch.h"
#include "test.h"

TEST(a_batch_is_as_far_as_its_jobs_are_final)
{
    struct batch b = {.state = BATCH_CLOSED, .round = 1, .created_at = 1000, .counts = {.open = 999}};
    CHECK_INT(batch_progress(&b, 2000).permille, 0);
    CHECK_INT(batch_progress(&b, 2000).eta_ms, -1);
    b.counts.completed = 998;
    b.counts.failed = 1;
    CHECK_INT(batch_progress(&b, 3000).permille, 500);
    CHECK_INT(batch_progress(&b, 3000).eta_ms, 2000);
    b.counts.open = 1;
    CHECK_INT(batch_progress(&b, 3000).permille, 999); /* not before the last */
    b.state = BATCH_OPEN;                              /* more may come */
    CHECK_INT(batch_progress(&b, 3000).eta_ms, -1);
    b.state = BATCH_CLOSED;
    b.round = 2;
    CHECK_INT(batch_progress(&b, 3000).eta_ms, -1);
}

TEST(a_batch_without_jobs_is_nowhere_until_it_has_finished)
{
    struct batch b = {.state = BATCH_FILLING, .round = 1, .created_at = 1000};
    CHECK_INT(batch_progress(&b, 2000).permille, -1);
    b.state = BATCH_FINISHED;
    CHECK_INT(batch_progress(&b, 2000).permille, 1000);
    CHECK_INT(batch_progress(&b, 2000).eta_ms, -1);
}
