/* markdown_hostile.c: what a stranger may send: pages that cost time or memory out of proportion. */
#include "test.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "markdown/markdown.h"

#define MIB ((size_t)1 << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_INSTRUMENTED 1
#endif
#endif
#ifndef IS_INSTRUMENTED
#define IS_INSTRUMENTED 0
#endif

static const struct markdown_options ours = {.url = {"http://example.org/docs/page.html", 33}};

static void repeat(struct buf *b, const char *before, const char *what, size_t times)
{
    buf_append_c(b, before);
    for (size_t i = 0; i < times; i++) {
        buf_append_c(b, what);
    }
}

static void check_hostile(const char *before, const char *what, size_t times, struct err *e)
{
    struct buf html = BUF_LIMIT(32 * MIB);
    struct arena *a = arena_new();
    struct markdown_page m;

    repeat(&html, before, what, IS_INSTRUMENTED ? times / 20 : times);
    OK(markdown_convert(buf_str(&html), &ours, a, &m, e));
    CHECK_TRUE(str_is_text(m.text));
    buf_dispose(&html);
    arena_free(a);
}

/* Each of these takes minutes where time grows with the square. */
TEST(time_grows_with_the_bytes_of_a_page_whatever_is_on_it)
{
    static const struct {
        const char *before, *what;
        size_t times;
    } rows[] = {
        {"", "<div>", 1000000},
        {"", "<b><i>", 1000000},
        {"<div ", "a=b ab=c ", 500000},
        {"<p>", "word ", 2000000},
        {"<p>a</p><script>", "x ", 2000000},
        {"<p>a</p><!--", "- ", 2000000},
        {"<div><div><div><div>", "</b>", 1000000},
        {"", "<svg>", 1000000},
        {"", "<div><b></div>", 300000},
        {"", "<ul><li>x", 200000},
        {"", "<table><tr><td>", 100000},
        {"<p>", "<b>\"x\"</b>y", 300000},
        {"<p>", "*_`[](<&", 500000},
        {"", "<div class=menu>x", 300000},
        {"", "<div class=note><dl><dt>x", 200000},
        {"<p>", "&", 1000000},
        {"", "<div class=note><p class=title></p><p class=title></p>", 100000},
        {"<main>", "<header>x", 200000},
        {"<table><tr>", "<td><div>x", 200000},
        {"", "<a href=#x><b></b>", 200000},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_hostile(rows[i].before, rows[i].what, rows[i].times, e);
    }
}

/* The element with so many classes is looked through once, not for each block in it. */
TEST(classes_around_a_thousand_blocks_of_code_are_read_once)
{
    struct buf html = BUF_LIMIT(32 * MIB);
    struct arena *a = arena_new();
    struct markdown_page m;

    for (int i = 0; i < 3; i++) {
        repeat(&html, "<div class=\"", "w ", 8000);
        buf_append_c(&html, i ? "\">" : " language-c\">");
    }
    repeat(&html, "", "<pre>x</pre>", IS_INSTRUMENTED ? 5000 : 100000);
    OK(markdown_convert(buf_str(&html), &ours, a, &m, e));
    CHECK_TRUE(str_starts(m.text, STR("```c\nx\n```\n\n```c\n")));
    buf_dispose(&html);
    arena_free(a);
}

TEST(text_below_the_deepest_element_is_kept)
{
    struct buf html = BUF_LIMIT(32 * MIB);
    struct arena *a = arena_new();
    struct markdown_page m;

    repeat(&html, "", "<div>", 100000);
    repeat(&html, "<p>deep</p>", "</div>", 100000);
    buf_append_c(&html, "<p>after</p>");
    OK(markdown_convert(buf_str(&html), &ours, a, &m, e));
    CHECK_STR(m.text, STR("deep\n\nafter\n"));
    buf_dispose(&html);
    arena_free(a);
}

/* Deeper than is kept of lists: each box is closed once, whatever the deepest that is kept has open. */
TEST(lists_below_the_deepest_leave_what_is_behind_them_as_it_is)
{
    static const struct {
        const char *open, *in, *close;
    } rows[] = {
        {"<dl><dt>x<dd>", "", "</dl>"},
        {"<dl><dt>x</dt>", "", "</dl>"},
        {"<dl><dt>x<dd>", "<blockquote>", "</dl>"},
        {"<ul><li>x</li>", "", "</ul>"},
        {"<ol><li>x</li>", "<ul>", "</ol>"},
        {"<ul>", "<dl><dt>x<dd>", "</ul>"},
        {"<ul>", "<li>x</li>", "</ul>"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t deep = 60; deep < 70; deep++) {
            struct buf html = BUF_LIMIT(32 * MIB);
            struct arena *a = arena_new();
            struct markdown_page m;
            repeat(&html, "", rows[i].open, deep);
            repeat(&html, "", rows[i].in, 70);
            repeat(&html, "<p>deep</p>", rows[i].open, 70);
            repeat(&html, "", rows[i].close, 140 + deep);
            buf_append_c(&html, "<p>after</p>");
            OK(markdown_convert(buf_str(&html), &ours, a, &m, e));
            CHECK_TRUE(str_find(m.text, STR("deep"), 0) < m.text.n);
            CHECK_TRUE(str_ends(m.text, STR("\n\nafter\n")));
            buf_dispose(&html);
            arena_free(a);
        }
    }
}

/* More elements than are kept: their text stays, apart. */
TEST(text_of_too_many_elements_is_kept)
{
    struct buf html = BUF_LIMIT(32 * MIB);
    struct arena *a = arena_new();
    struct markdown_page m;
    size_t n = 1100000;

    repeat(&html, "", "<p>x", n);
    OK(markdown_convert_buf(&html, &ours, a, &m, e));
    CHECK_INT(m.words, n);
    CHECK_INT(m.block_count, MARKDOWN_BLOCKS_MAX);
    CHECK_INT(m.blocks[m.block_count - 1].to, m.text.n);
    CHECK_INT(html.n, 0);
    arena_free(a);
}

/* ---- memory */

static size_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    size_t pages[2] = {0, 0};

    ck_assert_ptr_nonnull(f);
    CHECK_INT(fscanf(f, "%zu %zu", &pages[0], &pages[1]), 2);
    (void)fclose(f);
    return pages[1] * (size_t)sysconf(_SC_PAGESIZE);
}

/* How much larger a process becomes by the page beside the page itself, for each byte of it, in hundredths. */
static size_t growth(const char *before, const char *what, size_t bytes, struct err *e)
{
    int ends[2];
    size_t before_bytes = 0;
    struct rusage use;
    int status;

    CHECK_INT(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct buf html = BUF_LIMIT(32 * MIB);
        struct arena *a = arena_new();
        struct markdown_page m;
        repeat(&html, before, what, bytes / strlen(what));
        mem_keep_some();
        before_bytes = resident_bytes();
        enum rc rc = markdown_convert_buf(&html, &ours, a, &m, e);
        ssize_t n = write(ends[1], &before_bytes, sizeof before_bytes);
        _exit(n != (ssize_t)sizeof before_bytes || (rc && rc != RC_TOO_BIG));
    }
    CHECK_INT(wait4(child, &status, 0, &use), child);
    CHECK_INT(status, 0);
    CHECK_INT(read(ends[0], &before_bytes, sizeof before_bytes), sizeof before_bytes);
    close(ends[0]);
    close(ends[1]);
    size_t most = (size_t)use.ru_maxrss << 10;
    return most > before_bytes ? 100 * (most - before_bytes) / bytes : 0;
}

/* 64 MiB for a page of 10: the program takes 13 and the page 10, which leaves four bytes for each of its own; where nearly all
 * bytes are tags it is more, until PAGE_NODES_MAX. */
TEST(memory_is_a_few_times_a_page_whatever_is_on_it)
{
    static const struct {
        const char *before, *what;
        size_t most; /* hundredths */
    } rows[] = {
        {"", "<td>x", 860},
        {"", "<a href=a>b</a>", 620},
        {"", "<img src=a.png>", 520},
        {"", "<pre>x</pre>", 560},
        {"<table>", "<tr><td colspan=64>x", 430},
        {"<p>", "*", 410},
        {"<h1>", "word ", 410},
        {"<p><code>", "word ", 410},
        {"<table><tr><td>a<td>b<tr><td>c<td>", "word ", 410},
        {"<meta charset=windows-1252><p>", "\xE9", 540},
        {"<p>", "xxxxxxxx", 410},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !IS_INSTRUMENTED; i++) {
        size_t times = growth(rows[i].before, rows[i].what, 2 * MIB, e);
        ck_assert_msg(times < rows[i].most, "%s%s…: %zu.%02zu bytes for each", rows[i].before, rows[i].what,
                      times / 100, times % 100);
    }
}

TEST(a_page_of_10_mb_takes_less_than_64_mib)
{
    static const char *const pages[] = {
        "<p>x", "<h2>Section</h2><p>Some <code>text</code> with a <a href='other.html#x'>link</a> in it, "
                "and more text to read.</p><ul class=\"simple\"><li><p>first item</p></li><li><p>second "
                "item</p></li></ul><pre>code(1)</pre>\n"};

    for (size_t i = 0; i < sizeof pages / sizeof pages[0] && !IS_INSTRUMENTED; i++) {
        size_t times = growth("<h1>Big</h1>", pages[i], 10 * MIB, e);
        ck_assert_msg(times < 410, "%zu.%02zu bytes for each", times / 100, times % 100);
    }
}
