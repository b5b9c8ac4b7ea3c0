static int helper(void)
{
    return 2;
}

struct page *page_read(const char *from)
{
    return helper() ? (struct page *)from : 0;
}
