/* git_error.c: what git says, made safe to show and given one of our codes. */
#include "kinds/index_repo/git.h"

/* ---- what went wrong: the first row whose text appears decides; git runs with LC_ALL=C */

static const struct {
    const char *text, *code;
    enum rc rc;
} failures[] = {
    {"No space left on device", "disk_full", RC_FULL},
    {"Disk quota exceeded", "disk_full", RC_FULL},
    {"died of signal 25", "too_large", RC_TOO_BIG}, /* SIGXFSZ: over max_repo_bytes */
    {"File size limit exceeded", "too_large", RC_TOO_BIG},
    {"couldn't find remote ref", "ref_not_found", RC_NOT_FOUND},
    {"Could not find remote ref", "ref_not_found", RC_NOT_FOUND},
    {"not our ref", "ref_not_found", RC_NOT_FOUND},
    {"does not allow request for unadvertised object", "ref_not_found", RC_NOT_FOUND},
    {"could not read Username", "auth_failed", RC_DENIED},
    {"could not read Password", "auth_failed", RC_DENIED},
    {"terminal prompts disabled", "auth_failed", RC_DENIED},
    {"Authentication failed", "auth_failed", RC_DENIED},
    {"Permission denied", "auth_failed", RC_DENIED},
    {"Host key verification failed", "auth_failed", RC_DENIED},
    {"returned error: 301", "redirected", RC_INVALID},
    {"returned error: 302", "redirected", RC_INVALID},
    {"returned error: 303", "redirected", RC_INVALID},
    {"returned error: 307", "redirected", RC_INVALID},
    {"returned error: 308", "redirected", RC_INVALID},
    {"returned error: 401", "auth_failed", RC_DENIED},
    {"returned error: 403", "auth_failed", RC_DENIED},
    {"returned error: 404", "repo_not_found", RC_NOT_FOUND},
    {"returned error: 410", "repo_not_found", RC_NOT_FOUND},
    {"Repository not found", "repo_not_found", RC_NOT_FOUND},
    {"not valid: is this a git repository?", "not_a_repository", RC_INVALID},
    {"does not appear to be a git repository", "not_a_repository", RC_INVALID},
    {"not a git repository", "not_a_repository", RC_INVALID},
    {"dubious ownership", "not_a_repository", RC_INVALID},
    {"returned error: 429", "http_429", RC_BUSY},
    {"returned error: 5", "http_5xx", RC_BUSY},
    {"returned error: 408", "timeout", RC_BUSY},
    {"Could not resolve", "dns", RC_BUSY},
    {"Operation too slow", "timeout", RC_BUSY},
    {"timed out", "timeout", RC_BUSY},
    {"Failed to connect", "connect", RC_BUSY},
    {"Connection refused", "connect", RC_BUSY},
    {"Connection reset", "early_eof", RC_BUSY},
    {"No route to host", "connect", RC_BUSY},
    {"Network is unreachable", "connect", RC_BUSY},
    {"SSL certificate problem", "connect", RC_BUSY},
    {"transport '", "unsupported_protocol", RC_INVALID},
    {"Unsupported protocol", "unsupported_protocol", RC_INVALID},
    {"unable to find remote helper", "unsupported_protocol", RC_INVALID},
    {"is not a commit", "ref_not_found", RC_NOT_FOUND},
    {"early EOF", "early_eof", RC_BUSY},
    {"hung up unexpectedly", "early_eof", RC_BUSY},
    {"unexpected disconnect", "early_eof", RC_BUSY},
    {"RPC failed", "early_eof", RC_BUSY},
    {"Empty reply from server", "early_eof", RC_BUSY},
    {"transfer closed", "early_eof", RC_BUSY},
    {"index-pack failed", "remote_corrupt", RC_BUSY},
    {"invalid index-pack output", "remote_corrupt", RC_BUSY},
    {"bad object", "remote_corrupt", RC_BUSY},
    {"missing blob", "remote_corrupt", RC_BUSY},
    {"not found", "repo_not_found", RC_NOT_FOUND},
};

/* The line that tells most: the last one that begins with "fatal:" or "error:", else the last. */
static struct str telling_line(struct str text)
{
    struct str best = STR("");
    bool is_fatal = false;
    while (text.n > 0) {
        struct str line = str_trim(str_cut(text, '\n', &text));
        bool is_error = str_starts(line, STR("fatal:")) || str_starts(line, STR("error:"));
        if (line.n > 0 && (is_error || !is_fatal)) {
            best = line;
            is_fatal |= is_error;
        }
    }
    return best;
}

enum rc git_classify(struct str text, struct err *e)
{
    struct str line = telling_line(text);
    line = str_sub(line, 0, 300);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (str_find(text, str_from(failures[i].text), 0) < text.n) {
            return err_set_code(e, failures[i].rc, failures[i].code, NULL, "git: %.*s", STR_ARG(line));
        }
    }
    return err_set_code(e, RC_BUSY, "git_failed", NULL, "git: %.*s", STR_ARG(line));
}

/* ---- secrets */

void git_base64(struct str bytes, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        unsigned bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (i + k < bytes.n ? (unsigned char)bytes.p[i + k] : 0);
        }
        for (size_t k = 0; k < 4; k++) {
            bool is_padding = i + k > bytes.n;
            buf_append_char(out, is_padding ? '=' : digits[bits >> (18 - 6 * k) & 63]);
        }
    }
}

static void percent_encode(struct str bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        bool is_plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);
        buf_printf(out, is_plain && c ? "%c" : "%%%02X", c);
    }
}

static void replace_all(struct buf *text, struct str what)
{
    struct buf out = BUF_LIMIT(text->max);
    struct str rest = buf_str(text);
    if (what.n < 4) { /* nobody's secret is that short, and half the text would go */
        return;
    }
    for (size_t at = str_find(rest, what, 0); at < rest.n; at = str_find(rest, what, 0)) {
        buf_append_str(&out, str_sub(rest, 0, at));
        buf_append_c(&out, "***");
        rest = str_sub(rest, at + what.n, rest.n);
    }
    buf_append_str(&out, rest);
    buf_dispose(text);
    *text = out;
}

/* https://user:password@host: what is between :// and the last @ before the next slash or blank. */
static void redact_userinfo(struct buf *text)
{
    struct buf out = BUF_LIMIT(text->max);
    struct str rest = buf_str(text);
    for (size_t at = str_find(rest, STR("://"), 0); at < rest.n; at = str_find(rest, STR("://"), 0)) {
        size_t from = at + 3;
        size_t host = from;
        size_t end = from;
        while (end < rest.n && !strchr("/ \t\r\n'\"", rest.p[end])) {
            end++;
            host = rest.p[end - 1] == '@' ? end : host;
        }
        buf_append_str(&out, str_sub(rest, 0, from));
        buf_append_c(&out, host > from ? "***@" : "");
        rest = str_sub(rest, host, rest.n);
    }
    buf_append_str(&out, rest);
    buf_dispose(text);
    *text = out;
}

void git_redact(struct buf *text, struct str secret)
{
    struct buf form = BUF_LIMIT(65536);
    redact_userinfo(text);
    /* the header's value first, since the token itself may be part of it */
    struct str whole = secret;
    for (int i = 0; i < 2; i++) {
        buf_clear(&form);
        git_base64(whole, &form);
        replace_all(text, buf_str(&form));
        buf_clear(&form);
        percent_encode(whole, &form);
        replace_all(text, buf_str(&form));
        replace_all(text, whole);
        struct str token = STR_NONE;
        (void)str_cut(secret, ':', &token); /* user:token: the token alone, too */
        whole = token.n > 0 ? token : whole;
    }
    buf_dispose(&form);
}
