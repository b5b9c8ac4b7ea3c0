/* base_err.c: what an error tells. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "test.h"

TEST(an_error_carries_code_word_field_and_text)
{
    CHECK_INT(err_set_code(e, RC_CONFLICT, "duplicate_key", "/jobs/3/unique", "key %s is taken", "k1"),
              RC_CONFLICT);
    CHECK_INT(e->rc, RC_CONFLICT);
    CHECK_STR(str_from(e->code), STR("duplicate_key"));
    CHECK_STR(str_from(e->field), STR("/jobs/3/unique"));
    CHECK_STR(str_from(e->text), STR("key k1 is taken"));
}

TEST(setting_an_error_forgets_the_code_and_field_of_the_one_before)
{
    err_set_code(e, RC_INVALID, "invalid_field", "queue", "bad");
    err_set(e, RC_BUSY, "later");
    CHECK_TRUE(e->code == NULL);
    CHECK_STR(str_from(e->field), STR(""));
}

TEST(wrapping_puts_the_context_first_and_keeps_code_and_field)
{
    err_set_code(e, RC_INVALID, "invalid_field", "queue", "is empty");
    CHECK_INT(err_wrap(e, RC_INVALID, "job %d", 7), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("job 7: is empty"));
    CHECK_STR(str_from(e->code), STR("invalid_field"));
    CHECK_STR(str_from(e->field), STR("queue"));
}

TEST(an_error_may_quote_its_own_text)
{
    err_set(e, RC_FATAL, "disk gone");
    err_set(e, RC_BUSY, "tried once (%s)", e->text);
    CHECK_STR(str_from(e->text), STR("tried once (disk gone)"));
}

TEST(a_long_error_is_cut_between_characters)
{
    char big[1000];

    for (size_t k = 0; k + 3 < sizeof big; k += 3) {
        memcpy(big + k, "\xE2\x82\xAC", 3); /* the euro sign */
        big[k + 3] = '\0';
    }
    err_set(e, RC_INVALID, "x%s", big);
    CHECK_TRUE(strlen(e->text) > sizeof e->text - 5);
    CHECK_TRUE(str_is_utf8(str_from(e->text)));
    err_wrap(e, RC_INVALID, "context %s", "yz");
    CHECK_TRUE(str_is_utf8(str_from(e->text)));
    CHECK_TRUE(str_starts(str_from(e->text), STR("context yz: x\xE2\x82\xAC")));
}

TEST(a_caller_that_wants_no_text_passes_null)
{
    CHECK_INT(err_set(NULL, RC_BUSY, "x"), RC_BUSY);
    CHECK_INT(err_set_code(NULL, RC_FULL, "c", "f", "x"), RC_FULL);
    CHECK_INT(err_wrap(NULL, RC_DENIED, "x"), RC_DENIED);
    err_clear(NULL);
}

TEST(an_errno_becomes_the_rc_that_callers_act_on)
{
    CHECK_INT(err_from_errno(e, ENOSPC, "write"), RC_FULL);
    CHECK_INT(err_from_errno(e, EDQUOT, "write"), RC_FULL);
    CHECK_INT(err_from_errno(e, ENOENT, "open"), RC_NOT_FOUND);
    CHECK_INT(err_from_errno(e, EACCES, "open"), RC_DENIED);
    CHECK_INT(err_from_errno(e, EAGAIN, "read"), RC_BUSY);
    CHECK_INT(err_from_errno(e, EIO, "read"), RC_FATAL);
    CHECK_STR(str_from(e->text), STR("read: Input/output error"));
    CHECK_INT(err_from_errno(e, 99999, "read"), RC_FATAL);
    CHECK_STR(str_from(e->text), STR("read: error 99999"));
}

TEST(clearing_an_error_leaves_nothing)
{
    err_set_code(e, RC_INVALID, "c", "f", "t");
    err_clear(e);
    CHECK_INT(e->rc, RC_OK);
    CHECK_TRUE(e->code == NULL && e->field[0] == '\0' && e->text[0] == '\0');
}

TEST(each_rc_has_a_name)
{
    CHECK_STR(str_from(rc_name(RC_OK)), STR("ok"));
    CHECK_STR(str_from(rc_name(RC_LEASE_LOST)), STR("lease_lost"));
    CHECK_STR(str_from(rc_name(RC_FATAL)), STR("fatal"));
}
