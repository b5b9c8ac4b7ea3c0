/* gunzip.c: see gunzip.h. */
#include "net/gunzip.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>

#define PIECE_BYTES 65536
#define GZIP_ONLY   (16 + MAX_WBITS)

bool gunzip_is_packed(struct str bytes)
{
    return str_starts(bytes, STR("\x1f\x8b\x08"));
}

static enum rc unpack_all(z_stream *z, struct buf *out, struct err *e)
{
    unsigned char piece[PIECE_BYTES];
    int code = Z_OK;
    while (code == Z_OK) {
        z->next_out = piece;
        z->avail_out = sizeof piece;
        code = inflate(z, Z_NO_FLUSH);
        buf_append(out, piece, sizeof piece - z->avail_out);
        if (out->overflowed) {
            return buf_check(out, "what is packed", e);
        }
        if (code == Z_STREAM_END && gunzip_is_packed((struct str){(const char *)z->next_in, z->avail_in})) {
            code = inflateReset(z); /* the next member */
        }
    }
    return code == Z_STREAM_END
               ? RC_OK
               : err_set_code(e, RC_INVALID, "bad_encoding", NULL, "the gzip file is damaged");
}

enum rc gunzip(struct str bytes, struct buf *out, struct err *e)
{
    z_stream z = {.next_in = (unsigned char *)bytes.p, .avail_in = (unsigned)bytes.n};
    assert(bytes.n <= UINT_MAX);
    if (inflateInit2(&z, GZIP_ONLY) != Z_OK) {
        return err_set(e, RC_FATAL, "zlib has no memory");
    }
    enum rc rc = unpack_all(&z, out, e);
    (void)inflateEnd(&z);
    return rc;
}
