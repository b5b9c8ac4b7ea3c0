/* page_failures.c: what went wrong with a request of a crawl, in the words that users see, and whether it is worth another try. */
#include "kinds/crawl_docs/page_parts.h"

#define RETRY_AFTER_MAX 120000

static const struct {
    const char *ours, *theirs;
    enum error_class class;
} failures[] = {
    {"dns", "unknown_host", ERROR_TRANSIENT},         {"connect", "connect_failed", ERROR_TRANSIENT},
    {"timeout", "timed_out", ERROR_TRANSIENT},        {"early_eof", "connection_lost", ERROR_TRANSIENT},
    {"too_large", "answer_too_big", ERROR_PERMANENT}, {"too_large", "answer_bomb", ERROR_PERMANENT},
};

void page_fail(struct page_job *j, enum error_class class, const char *code, const char *text)
{
    struct buf b = BUF_LIMIT(16 << 10);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_str(&w, "url", j->url);
    json_put_c(&w, "code", code);
    json_put_c(&w, "class", error_class_name(class));
    if (j->answer.status) {
        json_put_int(&w, "http_status", j->answer.status);
    }
    json_put_int(&w, "attempt", attempt_number(j->at));
    json_put_bool(&w, "will_retry", class == ERROR_TRANSIENT && attempt_number(j->at) < PAGE_ATTEMPTS);
    json_object_end(&w);
    attempt_root_event(j->at, "url_failed", buf_str(&b));
    buf_dispose(&b);
    attempt_fail(j->at, class, code, "%s", text);
}

void page_fail_asking(struct page_job *j, const struct err *e)
{
    const char *code = e->code ? e->code : "error";
    enum error_class class = ERROR_PERMANENT;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        if (str_eq(str_from(code), str_from(failures[i].theirs))) {
            code = failures[i].ours;
            class = failures[i].class;
            break;
        }
    }
    page_fail(j, class, code, e->text);
}

static int64_t retry_after_ms(const struct fetch_answer *answer)
{
    int64_t seconds = 0;
    struct str text = fetch_header(answer, STR("retry-after"));
    if (!text.n) {
        return -1;
    }
    if (str_to_i64(text, &seconds)) {
        return seconds < 0 ? 0 : seconds > RETRY_AFTER_MAX / 1000 ? RETRY_AFTER_MAX : seconds * 1000;
    }
    int64_t at = fetch_date(text);
    int64_t now = fetch_date(fetch_header(answer, STR("date")));
    int64_t ms = at > 0 && now > 0 && at > now ? at - now : 0;
    return ms > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : ms;
}

bool page_pause_host(struct page_job *j)
{
    int status = j->answer.status;
    int64_t after_ms = retry_after_ms(&j->answer);
    struct str key = arena_printf(j->a, CRAWL_LIMIT_PREFIX "%.*s", STR_ARG(j->place.host));
    if ((status != 429 && status != 503) || after_ms <= 0 || j->pauses == PAGE_PAUSES ||
        !attempt_limit_weight(j->at, key)) {
        return false;
    }
    struct str paused = arena_printf(j->a, "{\"host\":\"%.*s\",\"for_ms\":%lld,\"http_status\":%d}",
                                     STR_ARG(j->place.host), (long long)after_ms, status);
    attempt_root_event(j->at, "host_paused", paused);
    attempt_checkpoint_save(j->at, arena_printf(j->a, "{\"pauses\":%lld}", (long long)j->pauses + 1));
    attempt_fail_pausing(j->at, key, after_ms, arena_printf(j->a, "http_%d", status).p,
                         "the host asks to come back later");
    return true;
}

void page_fail_status(struct page_job *j)
{
    int status = j->answer.status;
    const char *code = arena_printf(j->a, "http_%d", status).p;
    bool is_transient = status >= 500 || status == 408 || status == 425 || status == 429;
    if (page_pause_host(j)) {
        return;
    }
    if (j->pauses == PAGE_PAUSES) {
        page_fail(j, ERROR_PERMANENT, code,
                  arena_printf(j->a, "the host asked %d times to come back later, and still answers %d",
                               PAGE_PAUSES, status)
                      .p);
        return;
    }
    page_fail(j, is_transient ? ERROR_TRANSIENT : ERROR_PERMANENT, code,
              arena_printf(j->a, "the host answered %d", status).p);
}

void page_fail_parse(struct page_job *j, const struct err *e)
{
    struct str why = STR_NONE;
    struct str code = str_cut(str_from(e->text), ':', &why);
    bool is_ours = (e->rc == RC_INVALID || e->rc == RC_TOO_BIG) && why.p;
    page_fail(j, ERROR_PERMANENT, is_ours ? arena_c_str(j->a, code) : "limit",
              is_ours ? arena_c_str(j->a, str_trim(why)) : e->text);
}
