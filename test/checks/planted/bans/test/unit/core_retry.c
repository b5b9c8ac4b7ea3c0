TEST(a_test_that_checks_nothing)
{
    run_it();
}

TEST(a_test_that_sleeps)
{
    usleep(10);
    CHECK_INT(1, 1);
}

STORE_TEST(a_test_that_checks)
{
    OK(run_it());
}

static void see(int got)
{
    CHECK_INT(got, 1);
}

static void see_twice(int got)
{
    see(got);
    see(got);
}

TEST(a_test_that_checks_in_a_helper)
{
    see_twice(1);
}
