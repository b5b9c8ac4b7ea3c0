#include "base/siphash.h"
#include "test.h"

/* From the reference implementation: key 00 01 … 0f, texts "", 00, 00 01, … */
TEST(siphash_gives_the_tags_of_its_authors)
{
    static const struct {
        size_t n;
        uint64_t tag;
    } known[] = {{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
                 {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}, {63, 0x958a324ceb064572}};
    unsigned char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        ck_assert_uint_eq(siphash(bytes, (struct str){(const char *)bytes, known[i].n}), known[i].tag);
    }
}
