/* f_extract.c: the extractor of each language on any bytes: no crash, and records that survive the way between processes. The
 * first byte chooses the language; bytes 'd' go to the decoder of records instead. */
#include "codeindex/code.h"
#include "kinds/index_repo/discover.h"
#include "kinds/index_repo/extract.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const struct code_parsed *p)
{
    for (size_t i = 0; i < p->symbol_count; i++) {
        const struct code_symbol *s = &p->symbols[i];
        assert(s->parent < (int)i && s->parent >= -1);
        assert(s->name.n > 0 && s->name.n <= CODE_MAX_NAME_BYTES);
        assert(s->signature.n <= CODE_MAX_SIGNATURE_BYTES && s->doc.n <= CODE_MAX_DOC_BYTES);
        assert(s->line > 0 && s->col > 0);
    }
}

static void check_bytes(struct str bytes, struct arena *a)
{
    struct code_parsed p = {0};
    struct err e;
    struct buf again = BUF_LIMIT(64 << 20);
    if (code_decode(bytes, a, &p, &e) == RC_OK) {
        code_encode(&p, &again);
        assert(!again.overflowed);
    }
    buf_dispose(&again);
}

static void check_source(struct str text, enum code_lang lang, struct arena *a)
{
    struct code_parsed p = {0};
    struct code_parsed back = {0};
    struct extract_limits limits = {.max_nodes = 200000};
    struct err e;
    struct buf bytes = BUF_LIMIT(64 << 20);
    (void)discover_skip_content(text);
    assert(extract_file(text, lang, &limits, a, &p, &e) == RC_OK);
    check_record(&p);
    code_encode(&p, &bytes);
    assert(code_decode(buf_str(&bytes), a, &back, &e) == RC_OK);
    assert(back.symbol_count == p.symbol_count && back.import_count == p.import_count);
    buf_dispose(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = {(const char *)data + 1, size > 0 ? size - 1 : 0};
    if (size > 0 && data[0] == 'd') {
        check_bytes(text, a);
    } else if (size > 0) {
        check_source(text, (enum code_lang)(1 + data[0] % (CODE_LANG_COUNT - 1)), a);
    }
    arena_free(a);
    return 0;
}
