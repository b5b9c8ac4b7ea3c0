/* core_job.c: what an enqueue may ask for. */
#include "test.h"

#include "core/job.h"

#include <string.h>

static struct job_spec good(void)
{
    return (struct job_spec){.queue = STR("mail"), .kind = STR("send"), .args = STR("{}")};
}

TEST(a_plain_spec_is_accepted_and_so_is_one_with_everything)
{
    struct job_spec s = good();
    OK(job_spec_check(&s, e));
    s.queue = STR_NONE;
    s.priority = JOB_PRIORITY_MIN;
    s.tags = STR("[\"a\",\"b\"]");
    s.limit_keys = STR("[\"provider:x\"]");
    s.unique_key = STR("k");
    s.unique_for_ms = JOB_FOREVER_MS;
    s.group = STR("g");
    s.timeout_ms = JOB_TIMEOUT_MAX_MS;
    OK(job_spec_check(&s, e));
}

static void refused(const struct job_spec *s, enum rc rc, const char *field, struct err *e)
{
    FAILS(job_spec_check(s, e), rc);
    CHECK_STR(str_from(e->field), str_from(field));
}

TEST(what_is_wrong_is_named)
{
    struct job_spec s = good();
    s.queue = STR("a b");
    refused(&s, RC_INVALID, "queue", e);
    s = good();
    s.kind = STR_NONE;
    refused(&s, RC_INVALID, "kind", e);
    s = good();
    s.priority = JOB_PRIORITY_MAX + 1;
    refused(&s, RC_INVALID, "priority", e);
    s = good();
    s.run_at = -1;
    refused(&s, RC_INVALID, "run_at", e);
    s = good();
    s.retry.max_attempts = JOB_ATTEMPTS_MAX + 1;
    refused(&s, RC_INVALID, "max_attempts", e);
    s = good();
    s.retry.backoff = BACKOFF_LIST;
    refused(&s, RC_INVALID, "retry", e);
    s = good();
    s.tags = STR("[1]");
    refused(&s, RC_INVALID, "tags", e);
    s = good();
    s.limit_keys = STR("{}");
    refused(&s, RC_INVALID, "limits", e);
    s = good();
    s.group = STR("\xff");
    refused(&s, RC_INVALID, "group", e);
    s = good();
    s.timeout_ms = JOB_TIMEOUT_MAX_MS + 1;
    refused(&s, RC_INVALID, "timeout_s", e);
}

TEST(sizes_end_where_their_limits_say)
{
    static char big[JOB_ARGS_MAX_BYTES + 1];
    memset(big, '1', sizeof big);
    struct job_spec s = good();
    s.args = (struct str){big, JOB_ARGS_MAX_BYTES};
    OK(job_spec_check(&s, e));
    s.args.n++;
    refused(&s, RC_TOO_BIG, "args", e);
    s = good();
    s.unique_key = (struct str){big, JOB_KEY_MAX_BYTES};
    OK(job_spec_check(&s, e));
    s.unique_key.n++;
    refused(&s, RC_INVALID, "unique_key", e);
}

TEST(words_of_a_job_are_known_by_name)
{
    enum job_on_lost o = JOB_ON_LOST_RETRY;
    CHECK_TRUE(job_on_lost_parse(STR("fail"), &o));
    CHECK_INT(o, JOB_ON_LOST_FAIL);
    CHECK_FALSE(job_on_lost_parse(STR("what"), &o));
    CHECK_STR(str_from(job_on_lost_name(JOB_ON_LOST_RETRY)), STR("retry"));
    CHECK_STR(str_from(job_reason_name(JOB_REASON_NONE)), STR_NONE);
    CHECK_STR(str_from(job_reason_name(JOB_REASON_POISONED)), STR("poisoned"));
    CHECK_TRUE(job_state_is_final(JOB_SKIPPED));
    CHECK_FALSE(job_state_is_final(JOB_PROCESSING));
}
