/* http_body.c: see http_body.h. llhttp could read chunks too, but takes blanks and endless extensions that others do not;
 * it serves as the oracle of the fuzz target instead: what passes here must pass there, with the same body. */
#include "net/http_body.h"

#define DIGITS_MAX          16
#define EXTENSION_BYTES_MAX 256
#define TRAILER_BYTES_MAX   4096
/* Framing may cost this much, and four times the data: a chunk for each byte does not pass (B037). */
#define OVERHEAD_BYTES_FREE 16384
#define OVERHEAD_FACTOR     4

enum state {
    SIZE_FIRST, /* the first digit of a chunk's size */
    SIZE,
    EXTENSION_NAME_FIRST, /* behind ";" */
    EXTENSION_NAME,
    EXTENSION_VALUE_FIRST, /* behind "=" */
    EXTENSION_VALUE,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* the start of a line behind the last chunk */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    END
};

void http_body_start(struct http_body *b, const struct http_head *h)
{
    *b = (struct http_body){.framing = h->framing, .state = SIZE_FIRST};
    b->left = h->framing == HTTP_LENGTH ? h->content_length : 0;
}

static enum http_body_step refuse(struct http_refusal *r, int status, const char *code, const char *text)
{
    *r = (struct http_refusal){status, code, text};
    return HTTP_BODY_BAD;
}

static bool go(struct http_body *b, enum state to)
{
    b->state = (uint8_t)to;
    return true;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_size(struct http_body *b, char c)
{
    int v = digit_value(c);

    if (v >= 0) {
        if (++b->digits > DIGITS_MAX || b->left >> 48) {
            return false;
        }
        b->left = b->left * 16 + v;
        return go(b, SIZE);
    }
    if (b->state == SIZE_FIRST) {
        return false;
    }
    if (c == ';') {
        return go(b, EXTENSION_NAME_FIRST);
    }
    return c == '\r' && go(b, SIZE_LF);
}

/* 1*( ";" token ) [ "=" token ]: RFC 9112's chunk-ext without blanks, without quoted strings, and with a value only at
 * the end, because llhttp 8 stumbles over what follows one. */
static bool take_extension(struct http_body *b, char c)
{
    bool is_first = b->state == EXTENSION_NAME_FIRST || b->state == EXTENSION_VALUE_FIRST;
    bool is_name = b->state == EXTENSION_NAME_FIRST || b->state == EXTENSION_NAME;

    if (++b->extension_bytes > EXTENSION_BYTES_MAX) {
        return false;
    }
    if (http_is_token_char(c)) {
        return go(b, is_name ? EXTENSION_NAME : EXTENSION_VALUE);
    }
    if (is_first) {
        return false;
    }
    if (c == ';' && is_name) {
        return go(b, EXTENSION_NAME_FIRST);
    }
    if (c == '=' && is_name) {
        return go(b, EXTENSION_VALUE_FIRST);
    }
    return c == '\r' && go(b, SIZE_LF);
}

/* Trailers are checked and thrown away: nothing of them ever counts as a header (B038). */
static bool take_trailer(struct http_body *b, char c)
{
    switch (b->state) {
    case TRAILER_FIRST:
        return c == '\r' ? go(b, END_LF) : http_is_token_char(c) && go(b, TRAILER_NAME);
    case TRAILER_NAME:
        return c == ':' ? go(b, TRAILER_VALUE) : http_is_token_char(c);
    case TRAILER_VALUE:
        return c == '\r' ? go(b, TRAILER_LF) : http_is_value_char(c);
    default:
        return c == '\n' && go(b, TRAILER_FIRST);
    }
}

/* One byte of framing. */
static bool take(struct http_body *b, char c)
{
    switch (b->state) {
    case SIZE_FIRST:
    case SIZE:
        return take_size(b, c);
    case SIZE_LF:
        return c == '\n' && go(b, b->left > 0 ? DATA : TRAILER_FIRST);
    case DATA_CR:
        return c == '\r' && go(b, DATA_LF);
    case DATA_LF:
        b->digits = 0;
        return c == '\n' && go(b, SIZE_FIRST);
    case TRAILER_FIRST:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
        return take_trailer(b, c);
    case END_LF:
        return c == '\n' && go(b, END);
    default:
        return take_extension(b, c);
    }
}

static enum http_body_step give(struct http_body *b, struct str *in, struct str *piece)
{
    size_t n = b->framing != HTTP_UNTIL_CLOSE && (uint64_t)b->left < in->n ? (size_t)b->left : in->n;

    *piece = str_sub(*in, 0, n);
    *in = str_sub(*in, n, in->n);
    b->left -= (int64_t)n;
    b->data_bytes += (int64_t)n;
    return HTTP_BODY_PIECE;
}

static enum http_body_step next_of_chunked(struct http_body *b, struct str *in, struct str *piece,
                                           struct http_refusal *r)
{
    while (in->n > 0 && b->state != DATA && b->state != END) {
        if (b->state >= TRAILER_FIRST && ++b->trailer_bytes > TRAILER_BYTES_MAX) {
            return refuse(r, 431, "head_too_big", "The trailer section is larger than the limit.");
        }
        if (++b->overhead_bytes > OVERHEAD_BYTES_FREE + OVERHEAD_FACTOR * b->data_bytes) {
            return refuse(r, 413, "chunks_too_small",
                          "The chunks are so small that framing outweighs the data.");
        }
        if (!take(b, *in->p)) {
            return refuse(r, 400, "bad_chunk", "The chunked body is malformed.");
        }
        in->p++;
        in->n--;
    }
    if (b->state == END) {
        return HTTP_BODY_DONE;
    }
    if (in->n == 0) {
        return HTTP_BODY_MORE;
    }
    enum http_body_step step = give(b, in, piece);
    if (b->left == 0) {
        b->state = DATA_CR;
    }
    return step;
}

enum http_body_step http_body_next(struct http_body *b, struct str *in, struct str *piece,
                                   struct http_refusal *r)
{
    switch (b->framing) {
    case HTTP_CHUNKED:
        return next_of_chunked(b, in, piece, r);
    case HTTP_LENGTH:
        if (b->left == 0) {
            return HTTP_BODY_DONE;
        }
        return in->n > 0 ? give(b, in, piece) : HTTP_BODY_MORE;
    case HTTP_UNTIL_CLOSE:
        return in->n > 0 ? give(b, in, piece) : HTTP_BODY_MORE;
    default:
        return HTTP_BODY_DONE;
    }
}
