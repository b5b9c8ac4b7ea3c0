/* http_head.h: the head of an HTTP/1.1 message, for server and client: finding its end while it comes in, and reading
 * it. llhttp reads; in front of it stands a guard that refuses whatever two readers could take in two ways, so that the
 * verdict never depends on how the bytes were split. Knows no sockets and no time. */
#ifndef STINT_NET_HTTP_HEAD_H
#define STINT_NET_HTTP_HEAD_H

#include "base/arena.h"
#include "net/http_types.h"

enum http_kind { HTTP_KIND_REQUEST, HTTP_KIND_RESPONSE };

/* Why a message is refused; `code` and `text` are literals. */
struct http_refusal {
    int status;
    const char *code;
    const char *text;
};

struct http_head_limits {
    size_t head_bytes, fields, target_bytes;
};

/* How far the guard is; all zero at the start of a message. */
struct http_scan {
    size_t at;                   /* start of the line it is in */
    size_t fields;               /* complete header lines so far */
    bool has_skipped, has_first; /* the empty line before the message; its first line */
};

enum http_scan_state { HTTP_SCAN_MORE, HTTP_SCAN_END, HTTP_SCAN_BAD };

/* Looks at the bytes from the start of the message on (all of them each time; only new lines are read). END: the head
 * ends at *head_bytes. One empty line before the first is allowed and counts as part of it. */
enum http_scan_state http_head_scan(struct http_scan *s, enum http_kind kind, struct str bytes,
                                    const struct http_head_limits *limits, size_t *head_bytes,
                                    struct http_refusal *r);

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE };

struct http_head {
    enum http_method method;
    struct str method_text;
    struct str path, query; /* of the target, which began with "/"; query is STR_NONE without "?" */
    int status;             /* responses */
    int minor_version;      /* HTTP/1.x */
    const struct http_field *fields;
    size_t field_count;
    enum http_framing framing;
    int64_t content_length; /* HTTP_LENGTH; -1 otherwise */
    bool wants_close, expects_continue;
};

/* Reads a complete head that the guard let pass. What comes out points into `bytes` and `a`. False: *r tells why.
 * For a response `request_method` decides whether it has a body. */
MUST_CHECK bool http_head_read_request(struct str bytes, const struct http_scan *s, struct arena *a,
                                       struct http_head *out, struct http_refusal *r);
MUST_CHECK bool http_head_read_response(struct str bytes, const struct http_scan *s, struct arena *a,
                                        enum http_method request_method, struct http_head *out,
                                        struct http_refusal *r);

/* The first field of that name (any case): its value; STR_NONE when absent. */
struct str http_fields_find(const struct http_field *fields, size_t count, struct str name);
size_t http_fields_count(const struct http_field *fields, size_t count, struct str name);

/* RFC 9110 `token` characters, and what may stand in a field value. */
bool http_is_token_char(char c);
bool http_is_value_char(char c);

#endif
