/* TODO: later */
typedef struct retry retry;
int now(void)
{
    /* time( in a comment is fine */
    return time(0) + clock_wall_ms();
}
