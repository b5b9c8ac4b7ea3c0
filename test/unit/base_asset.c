/* base_asset.c: the files that the program carries in itself. */
#include "test.h"

#include "base/asset.h"

TEST(an_unknown_asset_is_none)
{
    CHECK_TRUE(asset_get("no/such/file").p == NULL);
}

TEST(assets_end_with_a_nul_that_their_size_does_not_count)
{
    for (const struct asset *a = asset_table; a->name; a++) {
        struct str text = asset_get(a->name);
        CHECK_TRUE(text.p == a->start);
        CHECK_INT(text.p[text.n], 0);
    }
}

/* A store knows how far it is by counting them. */
static void check_numbers(const char *folder)
{
    struct str in = str_from(folder);
    char number[8];
    int count = 0;
    for (const struct asset *a = asset_table; a->name; a++) {
        struct str name = str_from(a->name);
        if (str_starts(name, in)) {
            str_print(number, sizeof number, "%04d_", ++count);
            CHECK_STR(str_sub(name, in.n, in.n + 5), str_from(number));
        }
    }
    CHECK_TRUE(count > 0);
}

TEST(migrations_have_numbers_from_one_on_and_each_its_own)
{
    check_numbers("sql/sqlite/migrations/");
    check_numbers("sql/pg/migrations/");
}
