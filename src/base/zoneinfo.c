/* zoneinfo.c: see zoneinfo.h. */
#include "base/zoneinfo.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTS_MAX 3

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_part(struct str part)
{
    for (size_t i = 0; i < part.n; i++) {
        char c = part.p[i];
        if (!is_letter(c) && !(i > 0 && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '_'))) {
            return false;
        }
    }
    return part.n > 0;
}

bool zoneinfo_is_name(struct str name)
{
    int parts = 0;
    struct str rest = name;

    while (rest.p) {
        struct str part = str_cut(rest, '/', &rest);
        if (!is_part(part) || ++parts > PARTS_MAX) {
            return false;
        }
    }
    return parts > 0 && name.n <= ZONEINFO_NAME_MAX_BYTES;
}

static enum rc unknown(struct str name, struct err *e)
{
    return err_set_code(e, RC_INVALID, "unknown_zone", "tz", "unknown zone: there is no time zone \"%.*s\"",
                        (int)(name.n < ZONEINFO_NAME_MAX_BYTES ? name.n : ZONEINFO_NAME_MAX_BYTES),
                        name.p ? name.p : "");
}

enum rc zoneinfo_read(const char *folder, struct str name, struct buf *out, struct err *e)
{
    char path[PATH_MAX], real_folder[PATH_MAX], real_path[PATH_MAX];
    struct buf text = BUF_LIMIT(ZONEINFO_MAX_BYTES);

    if (!zoneinfo_is_name(name)) {
        return unknown(name, e);
    }
    if (!realpath(folder, real_folder)) {
        return err_set_code(
            e, RC_INVALID, "unknown_zone", "tz",
            "unknown zone: this machine has no time zones (%s): the package tzdata is missing", folder);
    }
    size_t n = strlen(real_folder);
    str_print(path, sizeof path, "%s/%.*s", real_folder, STR_ARG(name));
    bool is_inside =
        realpath(path, real_path) && strncmp(real_path, real_folder, n) == 0 && real_path[n] == '/';
    if (!is_inside || buf_read_file(&text, real_path, NULL) != RC_OK) {
        buf_dispose(&text);
        return unknown(name, e);
    }
    buf_append_str(out, buf_str(&text));
    buf_dispose(&text);
    return RC_OK;
}
