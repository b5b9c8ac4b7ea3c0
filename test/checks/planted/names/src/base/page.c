static int helper(void)
{
    return 1;
}

int page_read(int at,
              int count)
{
    return at + count + helper();
}
