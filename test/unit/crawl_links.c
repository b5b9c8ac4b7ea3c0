/* crawl_links.c: where a crawl finds addresses beside pages: sitemaps, plain and packed, and llms.txt. */
#include <string.h>
#include <zlib.h>

#include "kinds/crawl_docs/llms_txt.h"
#include "kinds/crawl_docs/sitemap.h"
#include "net/gunzip.h"
#include "test.h"

static struct str joined(const struct str *items, size_t count, struct arena *a)
{
    struct str all = STR("");
    for (size_t i = 0; i < count; i++) {
        all = arena_printf(a, "%.*s%s%.*s", STR_ARG(all), i ? " " : "", STR_ARG(items[i]));
    }
    return all;
}

TEST(a_sitemap_names_pages_or_sitemaps)
{
    static const struct {
        const char *text, *urls;
        bool is_index;
    } table[] = {
        {"", "", false},
        {"<?xml version=\"1.0\"?>\n<urlset "
         "xmlns=\"x\"><url><loc>http://a/1</loc><lastmod>2020</lastmod></url>\n"
         "<url>\n <loc>\n  http://a/2 </loc></url></urlset>",
         "http://a/1 http://a/2", false},
        {"<sitemapindex><sitemap><loc>http://a/s.xml</loc></sitemap></sitemapindex>", "http://a/s.xml", true},
        {"\xef\xbb\xbf<urlset><url><loc>http://a/?a=1&amp;b=&#50;&#x33;&lt;&unknown;&</loc></url></urlset>",
         "http://a/?a=1&b=23<&unknown;&", false},
        {"<urlset><url><loc><![CDATA[http://a/?a&b]]></loc></url></urlset>", "http://a/?a&b", false},
        {"<urlset><!-- <url><loc>http://no/</loc></url> --><url><loc>http://a/</loc></url></urlset>",
         "http://a/", false},
        {"<urlset><url><image:image><image:loc>http://a/i.png</image:loc></image:image><loc>http://a/1</"
         "loc></url></urlset>",
         "http://a/1", false},
        {"<urlset><loc>http://no/</loc><url><x><loc>http://no/</loc></x></url></urlset>", "", false},
        {"<urlset><url><loc/><loc>http://a/", "", false},
        {"<urlset><url><loc></loc><loc> </loc></url></urlset>", "", false},
        {"<!DOCTYPE urlset [<!ENTITY a \"http://evil/\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]>"
         "<urlset><url><loc>&a;&b;</loc></url></urlset>",
         "&a;&b;", false},
        {"http://a/1\r\nnothing\n  https://a/2\n", "http://a/1 https://a/2", false},
        {"<", "", false},
        {"<![CDATA[", "", false},
        {"<!--", "", false},
        {"</a></b><urlset><url><loc>http://a/</loc></url>", "http://a/", false},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sitemap s;
        sitemap_read(str_from(table[i].text), a, &s);
        CHECK_STR(joined(s.urls, s.count, a), str_from(table[i].urls));
        CHECK_INT(s.is_index, table[i].is_index);
    }
    arena_free(a);
}

TEST(a_sitemap_that_laughs_a_billion_times_says_nothing)
{
    struct buf text = BUF_LIMIT(64 << 20);
    struct arena *a = arena_new();
    struct sitemap s;
    buf_append_c(&text, "<!DOCTYPE x [<!ENTITY l0 \"lol\">");
    for (int i = 1; i < 30; i++) {
        buf_printf(&text, "<!ENTITY l%d \"&l%d;&l%d;&l%d;&l%d;\">", i, i - 1, i - 1, i - 1, i - 1);
    }
    buf_append_c(&text, "]><urlset><url><loc>http://a/&l29;</loc></url></urlset>");
    sitemap_read(buf_str(&text), a, &s);
    CHECK_INT(s.count, 1);
    CHECK_STR(s.urls[0], STR("http://a/&l29;"));
    buf_clear(&text);
    for (int i = 0; i < SITEMAP_URLS_MAX + 10; i++) {
        buf_append_c(&text, "<url><loc>http://a/</loc></url>");
    }
    sitemap_read(buf_str(&text), a, &s);
    CHECK_INT(s.count, SITEMAP_URLS_MAX);
    buf_clear(&text);
    for (int i = 0; i < 1000000; i++) {
        buf_append_c(&text, "<a><!--");
    }
    sitemap_read(buf_str(&text), a, &s);
    CHECK_INT(s.count, 0);
    buf_dispose(&text);
    arena_free(a);
}

TEST(links_of_an_llms_txt_are_found)
{
    static const char *const table[][2] = {
        {"", ""},
        {"# Title\n\n> About\n\n- [One](https://a/1): the first\n- [Two](/2 \"a title\")\n",
         "https://a/1 /2"},
        {"[a](b_(c).html) [d](<e f>) <https://a/x> <b>", "b_(c).html e f https://a/x"},
        {"![image](i.png) [![badge](b.svg)](/target) [x](y)", "/target y"},
        {"```\n[no](no)\n```\n[yes](yes)\n~~~ md\n[no](no)\n```\n~~~\n[also](also)", "yes also"},
        {"[a] (b) [c](d [e]( ) [f]()", "d"},
        {"[a](b", ""},
        {"](x)", "x"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct str *links = NULL;
        size_t count = llms_txt_links(str_from(table[i][0]), a, &links);
        CHECK_STR(joined(links, count, a), str_from(table[i][1]));
    }
    arena_free(a);
}

TEST(an_llms_txt_without_end_gives_so_many_links_and_no_more)
{
    struct buf text = BUF_LIMIT(16 << 20);
    struct arena *a = arena_new();
    struct str *links = NULL;
    for (int i = 0; i < 1000000; i++) {
        buf_append_c(&text, "[](a)![](b)");
    }
    CHECK_INT(llms_txt_links(buf_str(&text), a, &links), LLMS_TXT_LINKS_MAX);
    buf_dispose(&text);
    arena_free(a);
}

static struct str pack(struct str bytes, struct arena *a)
{
    z_stream z = {0};
    CHECK_INT(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, bytes.n);
    char *to = arena_alloc(a, room);
    z.next_in = (unsigned char *)bytes.p;
    z.avail_in = (unsigned)bytes.n;
    z.next_out = (unsigned char *)to;
    z.avail_out = (unsigned)room;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = room - z.avail_out;
    deflateEnd(&z);
    return (struct str){to, n};
}

TEST(a_packed_file_is_unpacked_within_its_limit)
{
    struct arena *a = arena_new();
    struct buf out = BUF_LIMIT(1000);
    char *zeros = arena_alloc(a, 8 << 20);
    struct str hello = pack(STR("hello"), a);
    struct str twice = arena_printf(a, "%s", "");
    char *both = arena_alloc(a, 2 * hello.n);
    memcpy(both, hello.p, hello.n);
    memcpy(both + hello.n, hello.p, hello.n);
    twice = (struct str){both, 2 * hello.n};
    CHECK_TRUE(gunzip_is_packed(hello));
    CHECK_FALSE(gunzip_is_packed(STR("hello")));
    OK(gunzip(hello, &out, e));
    CHECK_STR(buf_str(&out), STR("hello"));
    buf_clear(&out);
    OK(gunzip(twice, &out, e));
    CHECK_STR(buf_str(&out), STR("hellohello"));
    FAILS(gunzip(str_sub(hello, 0, hello.n - 1), &out, e), RC_INVALID);
    FAILS(gunzip(STR("\x1f\x8b\x08nonsense"), &out, e), RC_INVALID);
    FAILS(gunzip(STR(""), &out, e), RC_INVALID);
    buf_clear(&out);
    FAILS(gunzip(pack((struct str){zeros, 8 << 20}, a), &out, e), RC_TOO_BIG);
    buf_dispose(&out);
    arena_free(a);
}
