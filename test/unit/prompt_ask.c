/* prompt_ask.c: what recorded answers of providers mean. */
#include "kinds/run_prompt/ask.h"

#include <string.h>

#include "test.h"

#define KEY "zq7Secret0KeyValue4Tests9"

struct asked {
    struct prompt_args args;
    struct ask ask;
    struct reply reply;
    struct ask_failure failure;
    enum ask_next next;
};

/* A question with a schema and params ("" = none), as it is when nothing is known of the model. */
static void begin(struct asked *t, const char *schema, const char *params, struct arena *a)
{
    *t = (struct asked){.args.model = STR("m")};
    t->args.schema = *schema ? test_json(schema, a) : NULL;
    t->args.params = *params ? test_json(params, a) : NULL;
    t->ask.dialect = &dialect_openai;
    t->ask.key = STR(KEY);
    t->ask.a = a;
    t->ask.q.args = &t->args;
    t->ask.q.mode = t->args.schema ? STRUCTURED_SCHEMA : STRUCTURED_NONE;
}

/* The provider answers so; a header of it as "name: value", "" = none. */
static void hear(struct asked *t, int status, const char *header, const char *body)
{
    struct str value = STR_NONE;
    struct http_field field = {.name = str_cut(str_from(header), ':', &value)};
    field.value = str_trim(value);
    const struct fetch_answer answer = {
        .status = status, .fields = &field, .field_count = *header != 0, .body = str_from(body)};
    t->next = ask_judge(&t->ask, &answer, &t->reply, &t->failure);
}

static bool has(struct str text, struct str part)
{
    return str_find(text, part, 0) < text.n;
}

TEST(a_provider_that_names_no_time_is_left_alone_for_longer_each_time)
{
    static const char *const headers[] = {"Retry-After: 0", "retry-after-ms: 0", "retry-after-ms: 20",
                                          "x-ratelimit-reset-requests: 0s"};
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct asked t;
        begin(&t, "", "", a);
        int64_t longest_ms = 0;
        for (int n = 0; n < 12; n++) {
            hear(&t, 429, headers[i], "{}");
            CHECK_INT(t.next, ASK_LATER);
            CHECK_INT(t.failure.retry_after_ms, n < 5 ? 1000LL << n : 32000);
            CHECK_TRUE(t.failure.retry_after_ms >= longest_ms);
            longest_ms = t.failure.retry_after_ms;
        }
        hear(&t, 429, "Retry-After: 3", "{}");
        CHECK_INT(t.failure.retry_after_ms, 3000);
        hear(&t, 429, "retry-after-ms: 300", "{}");
        CHECK_INT(t.failure.retry_after_ms, 300);
        hear(&t, 200, "", "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}");
        CHECK_INT(t.next, ASK_ANSWERED);
        hear(&t, 503, "Retry-After: 0", "{}");
        CHECK_INT(t.failure.retry_after_ms, 1000);
    }
    arena_free(a);
}

TEST(what_a_provider_complains_of_is_told_in_whatever_shape_it_comes)
{
    static const struct {
        const char *body, *message;
    } shapes[] = {
        {"{\"error\":{\"message\":\"no such model\"}}", "status 404: no such model"},
        {"{\"error\":\"no such model\"}", "status 404: no such model"},
        {"{\"detail\":\"no such model\"}", "status 404: no such model"},
        {"{\"message\":\"no such model\"}", "status 404: no such model"},
        {"{\"error\":{\"message\":{\"a\":1}}}", "status 404: {\"error\":{\"message\":{\"a\":1}}}"},
        {"{\"detail\":[{\"loc\":[\"body\",\"x\"],\"msg\":\"no\",\"input\":{}},{\"loc\":[1],\"msg\":\"yes\"}]"
         "}",
         "status 404: [\"body\",\"x\"]: no; [1]: yes"},
        {"[1]", "status 404: [1]"},
        {"not here", "status 404: not here"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct asked t;
        begin(&t, "", "", a);
        hear(&t, 404, "", shapes[i].body);
        CHECK_INT(t.next, ASK_FAILED);
        CHECK_STR(str_from(t.failure.code), STR("model_not_found"));
        CHECK_STR(t.failure.message, str_from(shapes[i].message));
    }
    arena_free(a);
}

TEST(a_model_is_asked_in_a_simpler_way_in_whatever_shape_it_refuses_the_other)
{
    static const char *const bodies[] = {
        "{\"detail\":\"response_format is not supported\"}",
        "{\"error\":\"response_format is not supported\"}",
        "{\"detail\":[{\"loc\":[\"body\",\"response_format\"],\"msg\":\"no\"}]}",
        "response_format is not supported"};
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct asked t;
        begin(&t, "{\"type\":\"string\"}", "{\"seed\":1}", a);
        hear(&t, 400, "", bodies[i]);
        CHECK_INT(t.next, ASK_AGAIN);
        CHECK_INT(t.ask.q.mode, STRUCTURED_OBJECT);
        hear(&t, 422, "",
             "{\"detail\":[{\"loc\":[\"body\",\"seed\"],\"msg\":\"extra fields not permitted\"}]}");
        CHECK_INT(t.next, ASK_AGAIN);
        CHECK_INT(t.ask.q.dropped_count, 1);
    }
    arena_free(a);
}

/* At every place of a body, cut or not. */
TEST(no_piece_of_a_key_is_in_an_error)
{
    static const struct {
        const char *begin, *end;
    } forms[] = {{"", ""},
                 {"{\"error\":{\"message\":\"", "\"}}"},
                 {"{\"error\":\"", "\"}"},
                 {"{\"error\":{\"message\":7},\"detail\":\"", "\"}"},
                 {"{\"x\":\"", "\"}"}};
    static const char *const keys[] = {KEY, "zq7\\u0053ecret0KeyValue4Tests9"};
    struct arena *a = arena_new();
    char before[1100];
    for (size_t i = 0; i < 2 * sizeof forms / sizeof *forms; i++) {
        for (size_t n = 0; n + 1 < sizeof before; n += i < 2 ? 1 : 7) {
            struct asked t;
            begin(&t, "", "", a);
            memset(before, '.', n);
            before[n] = '\0';
            char body[1300];
            str_print(body, sizeof body, "%s%s%s%s", forms[i / 2].begin, before, keys[i % 2],
                      forms[i / 2].end);
            hear(&t, 401, "", body);
            CHECK_INT(t.next, ASK_FAILED);
            CHECK_FALSE(has(t.failure.message, STR("zq7")));
        }
        arena_reset(a);
    }
    arena_free(a);
}

TEST(a_key_that_an_answer_says_is_hidden_wherever_it_stands)
{
    static const struct {
        const char *content, *text;
    } answers[] = {
        {"your key is " KEY ", " KEY ".", "your key is ***, ***."},
        {"{\\\"a\\\":\\\"" KEY "\\\"}", "{\"a\":\"***\"}"},
        {"{\\\"a\\\":\\\"zq7\\\\u0053ecret0KeyValue4Tests9\\\"}", "{\"a\":\"***\"}"},
        {"sk-learn is no key, zq7Secret is none", "sk-learn is no key, zq7Secret is none"},
    };
    struct arena *a = arena_new();
    struct asked t;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        char body[500];
        str_print(body, sizeof body,
                  "{\"id\":\"x" KEY "\",\"model\":\"" KEY "\",\"choices\":[{\"message\":{\"content\":\"%s\"},"
                  "\"finish_reason\":\"stop\"}]}",
                  answers[i].content);
        begin(&t, "", "", a);
        hear(&t, 200, "", body);
        CHECK_INT(t.next, ASK_ANSWERED);
        CHECK_STR(t.reply.text, str_from(answers[i].text));
        CHECK_STR(t.reply.id, STR("x***"));
        CHECK_STR(t.reply.model, STR("***"));
    }
    begin(&t, "", "", a);
    t.ask.key = STR("ollama");
    hear(&t, 200, "", "{\"choices\":[{\"message\":{\"content\":\"ollama\"},\"finish_reason\":\"stop\"}]}");
    CHECK_STR(t.reply.text, STR("ollama"));
    arena_free(a);
}

TEST(a_provider_is_left_alone_as_long_as_it_says)
{
    static const struct {
        const char *header;
        int64_t ms;
    } waits[] = {
        {"x-ratelimit-reset-requests: 1m30.951s", 90951},
        {"x-ratelimit-reset-tokens: 8.64s", 8640},
        {"x-ratelimit-reset-requests: 6m0s", 360000},
        {"x-ratelimit-reset-requests: 1d2h", 93600000},
        {"x-ratelimit-reset-requests: 120ms", 120},
        {"x-ratelimit-reset-requests: 9999999999999999999d", 31LL * 86400000},
        {"x-ratelimit-reset-requests: soon", 10000},
        {"x-ratelimit-reset-requests: 5", 5000},
        {"x-ratelimit-reset-tokens: 0.25", 250},
        {"x-ratelimit-reset-tokens: 20ms", 1000}, /* no time to name */
        {"x-ratelimit-reset-requests: 1m30s", 90000},
        {"x-ratelimit-reset-requests:  2h ", 7200000},
        {"x-ratelimit-reset-requests: 999999999", 31LL * 86400000},
        {"x-ratelimit-reset-requests: 5 s", 10000},
        {"x-ratelimit-reset-requests: -5", 10000},
        {"x-ratelimit-reset-requests: 1000000000", 10000}, /* times of 2001 */
        {"x-ratelimit-reset-requests: 1000000000000", 10000},
        {"x-ratelimit-reset-requests: 2001-09-09T01:46:40Z", 10000},
        {"x-ratelimit-reset-requests: 9999999999999999999999", 31LL * 86400000},
        {"Retry-After: 1.5", 1500},
        {"Retry-After: 7200", 7200000},
        {"Retry-After: 99999999999999999999", 31LL * 86400000},
        {"Retry-After: .", 10000},
        {"Retry-After: 1.5.5", 10000},
        {"Retry-After: -3", 10000},
        {"Retry-After: Thu, 01 Jan 1970 00:00:10 GMT", 10000},
        {"retry-after-ms: 1234.5", 1235},
        {"anthropic-ratelimit-requests-reset: 1970-01-02T00:00:00Z", 10000},
    };
    struct arena *a = arena_new();
    struct asked t;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        begin(&t, "", "", a);
        hear(&t, 429, waits[i].header, "{}");
        CHECK_INT(t.next, ASK_LATER);
        CHECK_INT(t.failure.retry_after_ms, waits[i].ms);
    }
    struct http_field fields[] = {{STR("Date"), STR("Sun, 22 Nov 2026 10:00:00 GMT")},
                                  {STR("anthropic-ratelimit-requests-reset"), STR("2026-11-22T10:00:05Z")},
                                  {STR("anthropic-ratelimit-tokens-reset"), STR("2026-11-22T12:30:00Z")},
                                  {STR("Retry-After"), STR("Sun, 22 Nov 2026 13:00:00 GMT")}};
    struct fetch_answer answer = {.status = 529, .fields = fields, .field_count = 4, .body = STR("{}")};
    CHECK_INT(ask_judge(&t.ask, &answer, &t.reply, &t.failure), ASK_LATER);
    CHECK_INT(t.failure.retry_after_ms, 3 * 3600000);
    answer.field_count = 3;
    answer.status = 429;
    CHECK_INT(ask_judge(&t.ask, &answer, &t.reply, &t.failure), ASK_LATER);
    CHECK_INT(t.failure.retry_after_ms, 9000000);
    arena_free(a);
}

TEST(a_provider_may_say_at_what_time_it_has_room_again)
{
    static const struct {
        const char *requests, *tokens;
        int64_t ms;
    } times[] = {{"1795341605", "", 5000},           {"1795341600.5", "", 500},
                 {"1795341605250", "", 5250},        {"", "1795341660", 60000},
                 {"2026-11-22T10:00:05Z", "", 5000}, {"1795341605", "7", 7000},
                 {"1795341605", "1m", 60000},        {"2026-11-22T10:00:05.5Z", "", 5500}};
    struct arena *a = arena_new();
    struct asked t;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const struct http_field fields[] = {{STR("Date"), STR("Sun, 22 Nov 2026 10:00:00 GMT")},
                                            {STR("x-ratelimit-reset-requests"), str_from(times[i].requests)},
                                            {STR("x-ratelimit-reset-tokens"), str_from(times[i].tokens)}};
        const struct fetch_answer answer = {
            .status = 429, .fields = fields, .field_count = 3, .body = STR("{}")};
        begin(&t, "", "", a);
        CHECK_INT(ask_judge(&t.ask, &answer, &t.reply, &t.failure), ASK_LATER);
        CHECK_INT(t.failure.retry_after_ms, times[i].ms);
    }
    arena_free(a);
}

TEST(an_empty_account_is_waited_for_until_somebody_pays)
{
    static const struct {
        int status;
        const char *body;
    } answers[] = {
        {402, "{\"error\":{\"code\":402,\"message\":\"Insufficient credits\"}}"},
        {402, "Insufficient Balance"},
        {429,
         "{\"error\":{\"message\":\"You exceeded your current quota\",\"code\":\"insufficient_quota\"}}"}};
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct asked t;
        begin(&t, "", "", a);
        hear(&t, answers[i].status, "", answers[i].body);
        CHECK_INT(t.next, ASK_LATER);
        CHECK_TRUE(t.failure.is_for_people);
        CHECK_INT(t.failure.class, ERROR_RATE_LIMITED);
        CHECK_STR(str_from(t.failure.code), STR("insufficient_quota"));
    }
    arena_free(a);
}

TEST(how_an_answer_ended_is_told_apart)
{
    static const struct {
        const struct dialect *dialect;
        const char *body, *text;
        enum finish finish;
    } answers[] = {
#define CHOICE(message, end) "{\"choices\":[{\"message\":{" message "},\"finish_reason\":" end "}]}"
        {&dialect_openai, CHOICE("\"content\":\"x\"", "\"stop\""), "x", FINISH_STOP},
        {&dialect_openai, CHOICE("\"content\":\"x\"", "null"), "x", FINISH_STOP},
        {&dialect_openai, CHOICE("\"content\":null", "\"stop\""), "", FINISH_STOP},
        {&dialect_openai, CHOICE("\"content\":null", "\"tool_calls\""), "", FINISH_UNKNOWN},
        {&dialect_openai, CHOICE("\"content\":\"x\"", "\"error\""), "x", FINISH_UNKNOWN},
        {&dialect_openai, CHOICE("\"content\":\"x\"", "\"length\""), "x", FINISH_LENGTH},
        {&dialect_openai, CHOICE("\"content\":\"x\"", "\"model_length\""), "x", FINISH_FULL},
        {&dialect_openai, CHOICE("\"content\":null", "\"content_filter\""), "", FINISH_REFUSED},
        {&dialect_openai, CHOICE("\"content\":null,\"refusal\":\"no\"", "\"stop\""), "no", FINISH_REFUSED},
        {&dialect_openai, CHOICE("\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]", "\"stop\""), "no",
         FINISH_REFUSED},
        {&dialect_openai,
         CHOICE("\"content\":[{\"type\":\"thinking\",\"text\":\"hm\"},{\"type\":\"text\",\"text\":\"Ac\"},{"
                "\"type\":\"text\",\"text\":\"me\"}]",
                "\"stop\""),
         "Acme", FINISH_STOP},
#define MESSAGE(end) "{\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"stop_reason\":\"" end "\"}"
        {&dialect_anthropic, MESSAGE("end_turn"), "x", FINISH_STOP},
        {&dialect_anthropic, MESSAGE("max_tokens"), "x", FINISH_LENGTH},
        {&dialect_anthropic, MESSAGE("model_context_window_exceeded"), "x", FINISH_FULL},
        {&dialect_anthropic, MESSAGE("pause_turn"), "x", FINISH_UNKNOWN},
        {&dialect_anthropic, MESSAGE("refusal"), "x", FINISH_REFUSED},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct asked t;
        begin(&t, "", "", a);
        t.ask.dialect = answers[i].dialect;
        hear(&t, 200, "", answers[i].body);
        CHECK_INT(t.next, ASK_ANSWERED);
        CHECK_STR(t.reply.text, str_from(answers[i].text));
        CHECK_INT(t.reply.finish, answers[i].finish);
    }
    arena_free(a);
}
