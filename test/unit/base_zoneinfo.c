/* base_zoneinfo.c: which files can be had by the name of a time zone. */
#include "base/zoneinfo.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    CHECK_TRUE(f != NULL);
    CHECK_TRUE(fputs(text, f) >= 0);
    CHECK_INT(fclose(f), 0);
}

TEST(names_of_zones_are_letters_digits_and_a_few_signs)
{
    static const char *const good[] = {"UTC",        "Europe/Berlin", "America/Argentina/Buenos_Aires",
                                       "Etc/GMT+12", "EST5EDT",       "America/Port-au-Prince"};
    static const char *const bad[] = {
        "",     ".",         "..",      "../../etc/passwd", "/etc/passwd",    "Europe/",
        "/UTC", "Europe//X", "a/b/c/d", "Europe/../UTC",    "tzdata.zi",      "zone.tab",
        "UTC ", "Europe\\X", "-x",      "Europe/\xC3\xA9",  "Mars/Olympus\n", "5"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_TRUE(zoneinfo_is_name(str_from(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!zoneinfo_is_name(str_from(bad[i])), "%s", bad[i]);
    }
    CHECK_FALSE(zoneinfo_is_name((struct str){"UTC\0", 4}));
}

TEST(a_zone_is_a_file_in_the_folder_and_nowhere_else)
{
    struct buf out = BUF_LIMIT(1024);
    const char *folder = test_path("zones");

    write_file(test_path("secret"), "secret");
    CHECK_INT(mkdir(folder, 0700), 0);
    CHECK_INT(mkdir(test_path("zones/Area"), 0700), 0);
    CHECK_INT(mkdir(test_path("zones-too"), 0700), 0);
    write_file(test_path("zones-too/Near"), "secret");
    write_file(test_path("zones/Area/City"), "here");
    CHECK_INT(symlink("Area/City", test_path("zones/Link")), 0);
    CHECK_INT(symlink("../secret", test_path("zones/Out")), 0);
    CHECK_INT(symlink("../zones-too/Near", test_path("zones/Near")), 0);
    OK(zoneinfo_read(test_path("zones"), STR("Link"), &out, e));
    CHECK_STR(buf_str(&out), STR("here"));
    const struct str bad[] = {STR("Out"),  STR("Near"),      STR("Area"),
                              STR("None"), STR("../secret"), STR("Area/None")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FAILS(zoneinfo_read(test_path("zones"), bad[i], &out, e), RC_INVALID);
        CHECK_STR(str_from(e->code), STR("unknown_zone"));
    }
    CHECK_STR(buf_str(&out), STR("here"));
    buf_dispose(&out);
}

TEST(a_machine_without_time_zones_says_what_is_missing)
{
    struct buf out = BUF_LIMIT(1024);

    FAILS(zoneinfo_read(test_path("none"), STR("Europe/Berlin"), &out, e), RC_INVALID);
    CHECK_TRUE(strstr(e->text, "tzdata") != NULL);
    buf_dispose(&out);
}
