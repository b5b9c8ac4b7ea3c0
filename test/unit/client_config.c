/* Where the server is and which key opens it: arguments, variables, ./var/dev.json, default. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/config.h"
#include "test.h"

static void in_an_empty_folder(void)
{
    CHECK_INT(chdir(test_dir()), 0);
    CHECK_INT(unsetenv("STINT_URL"), 0);
    CHECK_INT(unsetenv("STINT_KEY"), 0);
}

TEST(without_anything_the_default_address_and_no_key_are_used)
{
    struct client_config c;
    in_an_empty_folder();
    OK(client_config_load(NULL, NULL, &c, e));
    CHECK_STR(str_from(c.url), STR(CLIENT_DEFAULT_URL));
    CHECK_STR(str_from(c.key), STR(""));
}

TEST(the_development_file_gives_both_and_is_private)
{
    struct client_config saved = {.url = "http://127.0.0.1:4242", .key = "stint_k_secret"};
    struct client_config c;
    struct stat st;
    in_an_empty_folder();
    OK(client_config_save(CLIENT_DEV_FILE, &saved, e));
    CHECK_INT(stat(CLIENT_DEV_FILE, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    OK(client_config_load(NULL, NULL, &c, e));
    CHECK_STR(str_from(c.url), str_from(saved.url));
    CHECK_STR(str_from(c.key), str_from(saved.key));
}

TEST(a_development_key_never_goes_to_another_server)
{
    struct client_config saved = {.url = "http://127.0.0.1:4242", .key = "stint_k_secret"};
    struct client_config c;
    in_an_empty_folder();
    OK(client_config_save(CLIENT_DEV_FILE, &saved, e));
    OK(client_config_load("http://10.0.0.1:80", NULL, &c, e));
    CHECK_STR(str_from(c.key), STR(""));
    OK(client_config_load("http://10.0.0.1:80", "mine", &c, e));
    CHECK_STR(str_from(c.key), STR("mine"));
}

TEST(a_variable_wins_over_the_file_and_an_argument_over_the_variable)
{
    struct client_config c;
    in_an_empty_folder();
    CHECK_INT(setenv("STINT_URL", "http://from.variable", 1), 0);
    OK(client_config_load(NULL, NULL, &c, e));
    CHECK_STR(str_from(c.url), STR("http://from.variable"));
    OK(client_config_load("http://from.argument", NULL, &c, e));
    CHECK_STR(str_from(c.url), STR("http://from.argument"));
}
