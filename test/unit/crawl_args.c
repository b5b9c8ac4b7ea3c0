/* crawl_args.c: the args of a crawl, where many pages come with the same ones. */
#include "kinds/crawl_docs/crawl_args.h"

#include "test.h"

TEST(args_that_are_kept_are_those_of_the_bytes_that_came_last)
{
    struct crawl_args_kept kept = {0};
    const struct crawl_args *args = NULL;
    struct arena *a = arena_new();
    struct str first =
        arena_str(a, STR("{\"url\":\"http://a.example/\",\"depth\":2,\"exclude\":[\"/x/*\"]}"));

    OK(crawl_args_read_kept(&kept, first, &args, e));
    arena_free(a); /* what is kept has bytes of its own */
    ck_assert_int_eq(args->depth, 2);
    OK(crawl_args_read_kept(&kept, STR("{\"url\":\"http://a.example/\",\"depth\":2,\"exclude\":[\"/x/*\"]}"),
                            &args, e));
    ck_assert_int_eq(args->depth, 2);
    ck_assert(str_eq(args->exclude[0], STR("/x/*")));
    ck_assert(str_eq(args->seed.fetch, STR("http://a.example/")));
    OK(crawl_args_read_kept(&kept, STR("{\"url\":\"http://b.example/\"}"), &args, e));
    ck_assert_int_eq(args->depth, 3);
    ck_assert_uint_eq(args->exclude_count, 0);
    ck_assert(str_eq(args->raw, STR("{\"url\":\"http://b.example/\"}")));

    ck_assert_int_eq(crawl_args_read_kept(&kept, STR("{\"url\":1}"), &args, e), RC_INVALID);
    OK(crawl_args_read_kept(&kept, STR("{\"url\":\"http://b.example/\"}"), &args, e));
    ck_assert(str_eq(args->seed.fetch, STR("http://b.example/")));
    arena_free(kept.a);
}
