/* config.c: flags, environment, ./var/dev.json, default: in this order. */
#include "client/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

#define DEV_FILE_MAX_BYTES 4096

enum rc client_config_load_file(const char *path, struct client_config *out, struct err *e)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(DEV_FILE_MAX_BYTES);
    struct json *root = NULL;
    struct str url = STR_NONE;
    struct str key = STR_NONE;

    enum rc rc = buf_read_file(&text, path, e);
    if (rc) {
        goto out;
    }
    rc = json_parse(buf_str(&text), a, &root, e);
    if (!rc) {
        rc = json_get_str(root, "url", &url, e);
    }
    if (!rc) {
        rc = json_get_str(root, "key", &key, e);
    }
    if (rc) {
        err_wrap(e, rc, "%s (written by `stint dev`; remove it, or give --url and --key)", path);
        goto out;
    }
    str_copy(out->url, sizeof(out->url), url);
    str_copy(out->key, sizeof(out->key), key);
out:
    buf_dispose(&text);
    arena_free(a);
    return rc;
}

static const char *given(const char *argument, const char *variable)
{
    if (argument && *argument) {
        return argument;
    }
    const char *v = getenv(variable);
    return v && *v ? v : NULL;
}

enum rc client_config_load(const char *url, const char *key, struct client_config *out, struct err *e)
{
    struct client_config dev = {0};
    struct client_config c = {0};
    const char *u = given(url, "STINT_URL");
    const char *k = given(key, "STINT_KEY");

    if (!u || !k) {
        enum rc rc = client_config_load_file(CLIENT_DEV_FILE, &dev, e);
        if (rc && rc != RC_NOT_FOUND) {
            return rc;
        }
        err_clear(e);
    }
    if (!u) {
        u = dev.url[0] ? dev.url : CLIENT_DEFAULT_URL;
    }
    if (!k && dev.key[0] && strcmp(u, dev.url) == 0) {
        k = dev.key;
    }
    str_copy(c.url, sizeof(c.url), str_from(u));
    str_copy(c.key, sizeof(c.key), str_from(k));
    *out = c;
    return RC_OK;
}

enum rc client_config_save(const char *path, const struct client_config *c, struct err *e)
{
    struct buf text = BUF_LIMIT(DEV_FILE_MAX_BYTES);
    struct json_out w = json_writer(&text);
    char temp[4096];
    char folder[4096];
    enum rc rc;

    json_object_begin(&w);
    json_put_c(&w, "url", c->url);
    json_put_c(&w, "key", c->key);
    json_object_end(&w);
    buf_append_char(&text, '\n');
    const char *slash = strrchr(path, '/');
    str_copy(folder, sizeof(folder), slash ? (struct str){path, (size_t)(slash - path)} : STR("."));
    if (mkdir(folder, 0700) && errno != EEXIST) {
        rc = err_from_errno(e, errno, path);
        goto out;
    }
    str_print(temp, sizeof(temp), "%s.new", path);
    rc = buf_write_file(temp, buf_str(&text), e);
    if (!rc && rename(temp, path)) {
        rc = err_from_errno(e, errno, path);
    }
out:
    buf_dispose(&text);
    return rc;
}
