/* api_key.h: what an API key looks like, and what is kept of it.
 *
 *   stint_k_Ab3dE6gH_<43 letters and digits: 256 random bits><6: checksum>
 *           public id: names the key in lists, logs and the store
 *
 * The store keeps the SHA-256 of the whole text; the text itself is shown once, at creation. The checksum lets a scanner
 * know a leaked key, and lets us refuse a mistyped one, without asking anybody. */
#ifndef STINT_CRYPTO_API_KEY_H
#define STINT_CRYPTO_API_KEY_H

#include "base/str.h"

#define API_KEY_ID_BYTES     8
#define API_KEY_TEXT_BYTES   66
#define API_KEY_LAST_BYTES   4
#define API_KEY_SHA256_BYTES 32

struct api_key_text {
    char text[API_KEY_TEXT_BYTES + 1]; /* the secret itself: wipe it when it was shown */
    char public_id[API_KEY_ID_BYTES + 1];
    char last4[API_KEY_LAST_BYTES + 1];
    unsigned char sha256[API_KEY_SHA256_BYTES];
};

#define API_KEY_MEMO_ENTRIES 64
#define API_KEY_PRINT_BYTES  16

/* What api_key_read said about the texts that come again and again: SHA-256 of the same key in each request is a tenth of
 * a small request's cost. Holds fingerprints under a secret of this process, not the keys. Fixed size; a text may push
 * another one out. */
struct api_key_memo {
    unsigned char secret[API_KEY_PRINT_BYTES];
    struct {
        unsigned char print[API_KEY_PRINT_BYTES];
        unsigned char sha256[API_KEY_SHA256_BYTES];
        bool is_used;
    } entries[API_KEY_MEMO_ENTRIES];
};

void api_key_memo_init(struct api_key_memo *m);

void api_key_make(struct api_key_text *out);
void api_key_wipe(struct api_key_text *k);
/* False: not of this form, or the checksum is wrong. public_id points into `text`. */
MUST_CHECK bool api_key_read(struct str text, struct str *public_id,
                             unsigned char sha256[API_KEY_SHA256_BYTES]);
/* The same answer, sooner when it was asked before. */
MUST_CHECK bool api_key_read_again(struct api_key_memo *m, struct str text, struct str *public_id,
                                   unsigned char sha256[API_KEY_SHA256_BYTES]);
/* In a time that does not tell where they differ. */
MUST_CHECK bool api_key_hash_eq(const unsigned char a[API_KEY_SHA256_BYTES],
                                const unsigned char b[API_KEY_SHA256_BYTES]);

#endif
