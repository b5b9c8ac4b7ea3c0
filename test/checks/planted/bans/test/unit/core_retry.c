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
