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
