int page_read(int at, int count)
{
    return at - count;
}
