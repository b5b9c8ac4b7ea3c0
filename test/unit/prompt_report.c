/* prompt_report.c: what the answers of a batch come to, in figures and in text. */
#include "kinds/prompt_report.h"

#include <string.h>

#include "kinds/run_prompt/tally.h"
#include "kinds/run_prompt/words.h"

#include "test.h"

static const struct json *parse(const char *text, struct arena *a, struct err *e)
{
    struct json *o = NULL;
    OK(json_parse(str_from(text), a, &o, e));
    return o;
}

static bool add(struct tally *t, const char *text, struct tally_line *is, struct arena *a, struct err *e)
{
    const struct json *line = parse(text, a, e);
    return tally_add(t, line, json_get(line, STR("result")), is);
}

#define LINE(model, state, rest)                                                                             \
    "{\"kind\":\"run-prompt\",\"unique_key\":\"batch:n:d:p:12345678:acme/" model ":1\",\"state\":\"" state   \
    "\"," rest "}"

static const struct json *report_of(struct tally *t, struct arena *a, struct err *e)
{
    struct buf text = BUF_LIMIT(1 << 20);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    json_put_c(&w, "name", "n");
    json_put_c(&w, "date", "d");
    tally_write(t, 9, &w);
    json_object_end(&w);
    struct json *o = NULL;
    OK(json_parse(arena_str(a, buf_str(&text)), a, &o, e));
    buf_dispose(&text);
    return o;
}

TEST(every_end_of_a_job_has_its_outcome)
{
    static const struct {
        const char *line;
        enum tally_outcome outcome;
    } ends[] = {
        {LINE("m", "completed", "\"result\":{\"outcome\":\"answered\"}"), TALLY_SUCCEEDED},
        {LINE("m", "completed", "\"result\":{\"outcome\":\"refused\"}"), TALLY_REFUSED},
        {LINE("m", "completed", "\"result\":7"), TALLY_FAILED},
        {LINE("m", "failed", "\"error\":{\"code\":\"invalid_output\"}"), TALLY_INVALID},
        {LINE("m", "failed", "\"error\":{\"code\":\"truncated\"}"), TALLY_TRUNCATED},
        {LINE("m", "failed", "\"error\":{\"code\":\"unauthorized\"}"), TALLY_FAILED},
        {LINE("m", "failed", "\"error\":null"), TALLY_FAILED},
        {LINE("m", "cancelled", "\"error\":null"), TALLY_CANCELLED},
        {LINE("m", "skipped", "\"error\":null"), TALLY_CANCELLED},
    };
    struct arena *a = arena_new();
    struct tally *t = tally_new(NULL, NULL, a);
    struct tally_line is;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        CHECK_TRUE(add(t, ends[i].line, &is, a, e));
        CHECK_INT(is.outcome, ends[i].outcome);
        CHECK_STR(is.at.prompt, STR("p"));
    }
    CHECK_FALSE(add(t, "{\"kind\":\"other\",\"state\":\"completed\",\"result\":{\"outcome\":\"answered\"}}",
                    &is, a, e));
    const struct json *report = report_of(t, a, e);
    CHECK_INT(json_get(report, STR("jobs"))->i, 9);
    CHECK_INT(json_get(json_get(report, STR("outcomes")), STR("failed"))->i, 3);
    CHECK_STR(json_get(report, STR("failures"))->raw,
              STR("[{\"code\":\"unknown\",\"count\":2,\"example\":\"\"},{\"code\":\"invalid_output\","
                  "\"count\":1,\"example\":\"\"},"
                  "{\"code\":\"truncated\",\"count\":1,\"example\":\"\"},{\"code\":\"unauthorized\","
                  "\"count\":1,\"example\":\"\"}]"));
    arena_free(a);
}

TEST(a_job_without_a_key_of_ours_counts_by_what_its_result_says)
{
    struct arena *a = arena_new();
    struct tally *t = tally_new(NULL, NULL, a);
    struct tally_line is;
    CHECK_TRUE(
        add(t,
            "{\"kind\":\"run-prompt\",\"unique_key\":null,\"state\":\"completed\",\"result\":{"
            "\"outcome\":\"answered\",\"provider\":\"p\",\"model\":\"m\",\"prompt_id\":\"q\",\"run\":2}}",
            &is, a, e));
    CHECK_STR(is.at.model, STR("m"));
    CHECK_STR(is.at.prompt, STR("q"));
    CHECK_INT(is.at.run, 2);
    arena_free(a);
}

#define MENTIONS(one, two)                                                                                   \
    "\"result\":{\"outcome\":\"answered\",\"calls\":1,\"cost_usd\":0.5,\"usage\":{\"input_tokens\":3,"       \
    "\"output_tokens\":4},\"repairs\":[],"                                                                   \
    "\"mentions\":[{\"name\":\"A, \\\"Inc\\\" |\"," one "},{\"name\":\"B\"," two                             \
    "}],\"citations\":[{\"domain\":\"x\",\"entity\":\"B\"},{\"domain\":\"x\",\"entity\":\"B\"}]}"

static const struct json *small_report(struct arena *a, struct err *e)
{
    struct tally *t = tally_new(parse("[\"A, \\\"Inc\\\" |\",{\"name\":\"B\"}]", a, e), NULL, a);
    struct tally_line is;
    CHECK_TRUE(add(t, LINE("m", "completed", MENTIONS("\"count\":2,\"order\":1", "\"count\":1,\"order\":2")),
                   &is, a, e));
    CHECK_TRUE(add(t, LINE("m", "completed", MENTIONS("\"count\":0", "\"count\":1,\"order\":1")), &is, a, e));
    CHECK_TRUE(add(t, LINE("m2", "completed", MENTIONS("\"count\":0", "\"count\":0")), &is, a, e));
    return report_of(t, a, e);
}

TEST(names_are_counted_for_each_model_and_for_all)
{
    struct arena *a = arena_new();
    const struct json *report = small_report(a, e);
    const struct json *first = json_get(report, STR("entities"))->first;
    CHECK_STR(first->next->raw, STR("{\"name\":\"B\",\"answers\":3,\"mentioned\":2,\"rate\":0.6667,\"low\":0."
                                    "2077,\"high\":0.9385,\"mean_position\":1.5,"
                                    "\"share_of_voice\":0.5,\"mentions\":2,\"models\":["
                                    "{\"provider\":\"acme\",\"model\":\"m\",\"answers\":2,\"mentioned\":2,"
                                    "\"rate\":1,\"low\":0.3424,\"high\":1,\"mean_position\":1.5,"
                                    "\"share_of_voice\":0.5,\"mentions\":2},"
                                    "{\"provider\":\"acme\",\"model\":\"m2\",\"answers\":1,\"mentioned\":0,"
                                    "\"rate\":0,\"low\":0,\"high\":0.7935,\"mean_position\":null,"
                                    "\"share_of_voice\":null,\"mentions\":0}]}"));
    CHECK_STR(json_get(report, STR("citations"))->raw,
              STR("[{\"domain\":\"x\",\"entity\":\"B\",\"count\":6,\"answers\":3}]"));
    CHECK_STR(json_get(report, STR("prompts"))->raw,
              STR("[{\"prompt\":\"p\",\"jobs\":3,\"answers\":3,\"mentioned\":[1,2]}]"));
    CHECK_TRUE(json_get(report, STR("cost_usd"))->d == 1.5);
    arena_free(a);
}

TEST(what_is_printed_keeps_to_its_format_whatever_a_name_is)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 20);
    const struct json *report = small_report(a, e);
    prompt_report_csv(report, STR("A, \"Inc\" |"), &text);
    CHECK_STR(
        str_sub(buf_str(&text), 0, 133),
        STR("entity,provider,model,answers,mentioned,rate,low,high,mean_position,share_of_voice,mentions\r\n"
            "\"A, \"\"Inc\"\" |\",,,3,1,0.3333,0.0615,0.792"));
    buf_clear(&text);
    prompt_report_markdown(report, STR(""), &text);
    CHECK_TRUE(strstr(buf_c_str(&text),
                      "| A, \"Inc\" \\| |  |  | 1 of 3 | 33.3 % | 6.2 % to 79.2 % | 1.00 | 50.0 % |") !=
               NULL);
    buf_clear(&text);
    prompt_report_markdown(report, STR("B"), &text);
    CHECK_TRUE(strstr(buf_c_str(&text), "Inc") == NULL);
    CHECK_TRUE(prompt_report_knows(report, STR("B")));
    CHECK_FALSE(prompt_report_knows(report, STR("C")));
    buf_dispose(&text);
    arena_free(a);
}

TEST(what_only_one_report_has_has_no_other_side)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 20);
    const struct json *one = small_report(a, e);
    const struct json *other = parse(
        "{\"name\":\"n\",\"entities\":[{\"name\":\"B\",\"rate\":0,\"low\":0,\"high\":0.1},{\"name\":\"C\"}]}",
        a, e);
    prompt_report_compare(one, other, STR(""), &text);
    const struct json *c = parse(buf_c_str(&text), a, e);
    size_t n = 0;
    for (const struct json *i = json_get(c, STR("entities"))->first; i; i = i->next, n++) {
        struct str name = json_get(i, STR("name"))->s;
        bool is_both = str_eq(name, STR("B")) && !json_get(i, STR("model"))->s.n;
        CHECK_INT(json_get(i, STR("changed"))->type, is_both ? JSON_BOOL : JSON_NULL);
        CHECK_TRUE(!is_both || (json_get(i, STR("changed"))->i && json_get(i, STR("change"))->d == -0.6667));
        CHECK_INT(json_get(i, STR("a"))->type, str_eq(name, STR("C")) ? JSON_NULL : JSON_OBJECT);
    }
    CHECK_INT(n, 7);
    buf_dispose(&text);
    arena_free(a);
}

TEST(words_are_numbered_as_they_come_up_to_their_limit)
{
    struct arena *a = arena_new();
    struct words w = words_make(a, 500);
    char text[16];
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < 600; i++) {
            size_t n = str_print(text, sizeof text, "word %zu", i);
            CHECK_INT(words_number(&w, (struct str){text, n}), i < 500 ? (int64_t)i : (int64_t)WORDS_NO_ROOM);
        }
    }
    CHECK_STR(w.texts[499], STR("word 499"));
    arena_free(a);
}

TEST(a_rate_is_rounded_once_from_its_counts)
{
    static const char one[] = "{\"name\":\"n\",\"entities\":[{\"name\":\"B\",\"answers\":37,\"mentioned\":19,"
                              "\"rate\":0.5135,\"low\":0.3589,\"high\":0.6655}]}";
    static const char other[] = "{\"name\":\"n\",\"entities\":[{\"name\":\"B\",\"answers\":8,\"mentioned\":3,"
                                "\"rate\":0.375,\"low\":0.1368,\"high\":0.6943}]}";
    struct arena *a = arena_new();
    struct buf json = BUF_LIMIT(1 << 16), text = BUF_LIMIT(1 << 16);
    struct json *x = NULL, *y = NULL, *comparison = NULL;
    OK(json_parse(str_from(one), a, &x, e));
    OK(json_parse(str_from(other), a, &y, e));
    prompt_report_markdown(x, STR(""), &text);
    ck_assert_msg(strstr(buf_c_str(&text), "51.4 %") != NULL, "%s", buf_c_str(&text));
    buf_clear(&text);
    prompt_report_compare(x, y, STR(""), &json);
    OK(json_parse(buf_str(&json), a, &comparison, e));
    prompt_compare_markdown(comparison, &text);
    ck_assert_msg(strstr(buf_c_str(&text), "51.4 %") && strstr(buf_c_str(&text), "-13.9"), "%s",
                  buf_c_str(&text));
    buf_dispose(&json);
    buf_dispose(&text);
    arena_free(a);
}

TEST(what_a_model_wrote_is_no_formula_in_a_table)
{
    static const char line[] =
        "{\"prompt\":\"p\",\"provider\":\"a\",\"model\":\"m\",\"run\":2,\"outcome\":\"succeeded\",\"mode\":"
        "\"plain\","
        "\"finish_reason\":\"stop\",\"calls\":1,\"latency_ms\":7,\"usage\":{\"input_tokens\":3,\"output_"
        "tokens\":4},"
        "\"cost_usd\":0.5,\"raw\":\"=1+1, "
        "\\\"x\\\"\",\"repairs\":[\"bom\",\"fence\"],\"mentions\":[{\"name\":\"-B\",\"count\":1,"
        "\"order\":1,\"list_rank\":0,\"offset\":2,\"form\":\"-B\",\"source\":\"text\",\"snippets\":[\"=-B\"]}"
        ","
        "{\"name\":\"C\",\"count\":0}],\"error\":null,\"job\":\"j\"}";
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 16);
    struct json *o = NULL;
    struct prompt_table t = {.is_csv = true};
    OK(json_parse(str_from(line), a, &o, e));
    prompt_table_add(&t, o, &text);
    CHECK_STR(buf_str(&text), STR("p,a,m,2,succeeded,plain,stop,1,7,3,4,0.5,bom; fence,'-B,,\"'=1+1, "
                                  "\"\"x\"\"\",j\r\n"));
    t.is_mentions = true;
    buf_clear(&text);
    prompt_table_add(&t, o, &text);
    CHECK_STR(buf_str(&text), STR("p,a,m,2,'-B,1,1,0,2,'-B,text,'=-B,j\r\n"));
    t.entity = STR("C");
    buf_clear(&text);
    prompt_table_add(&t, o, &text);
    CHECK_STR(buf_str(&text), STR(""));
    buf_dispose(&text);
    arena_free(a);
}

TEST(a_name_is_no_formula_in_the_table_of_the_report)
{
    static const char row[] = "{\"entities\":[{\"name\":\"=1+1\",\"answers\":1,\"models\":[{\"provider\":\"@"
                              "p\",\"model\":\"-m,x\"}]}]}";
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 16);
    struct json *report = NULL;
    OK(json_parse(str_from(row), a, &report, e));
    prompt_report_csv(report, STR(""), &text);
    CHECK_TRUE(strstr(buf_c_str(&text), "\r\n'=1+1,,,1,,,,,,,\r\n'=1+1,'@p,\"'-m,x\",,,,,,,,\r\n") != NULL);
    buf_dispose(&text);
    arena_free(a);
}

TEST(the_interval_of_a_change_is_newcombes)
{
    /* 56 of 70 against 48 of 80: Newcombe 1998, table II (a), method 10: 0.0524 to 0.3339. The two rates' own intervals overlap. */
    static const char one[] = "{\"name\":\"n\",\"entities\":[{\"name\":\"B\",\"answers\":80,\"mentioned\":48,"
                              "\"rate\":0.6,\"low\":0.4905,\"high\":0.7004}]}";
    static const char other[] =
        "{\"name\":\"n\",\"entities\":[{\"name\":\"B\",\"answers\":70,\"mentioned\":56,"
        "\"rate\":0.8,\"low\":0.6918,\"high\":0.877}]}";
    struct arena *a = arena_new();
    struct buf json = BUF_LIMIT(1 << 16), text = BUF_LIMIT(1 << 16);
    struct json *x = NULL, *y = NULL, *comparison = NULL;
    OK(json_parse(str_from(one), a, &x, e));
    OK(json_parse(str_from(other), a, &y, e));
    prompt_report_compare(x, y, STR(""), &json);
    OK(json_parse(buf_str(&json), a, &comparison, e));
    const struct json *pair = json_get(comparison, STR("entities"))->first;
    CHECK_TRUE(json_get(pair, STR("change_low"))->d == 0.0524);
    CHECK_TRUE(json_get(pair, STR("change_high"))->d == 0.3339);
    CHECK_INT(json_get(pair, STR("changed"))->i, 1);
    prompt_compare_markdown(comparison, &text);
    ck_assert_msg(strstr(buf_c_str(&text), "| +20.0 (+5.2 to +33.4) | **changed** |") != NULL, "%s",
                  buf_c_str(&text));
    buf_dispose(&json);
    buf_dispose(&text);
    arena_free(a);
}
