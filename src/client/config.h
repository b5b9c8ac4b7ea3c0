/* config.h: where the server is and which key opens it. For the library, the command line and the workers alike. */
#ifndef STINT_CLIENT_CONFIG_H
#define STINT_CLIENT_CONFIG_H

#include "base/str.h"

#define CLIENT_DEFAULT_URL "http://127.0.0.1:7420"
#define CLIENT_DEV_FILE    "./var/dev.json"

struct client_config {
    char url[512];
    char key[256]; /* "" = none */
};

/* Each of url and key is, in this order: the argument, STINT_URL / STINT_KEY, the member of ./var/dev.json (written by
 * `stint dev`, mode 0600), the default. A key of the file is used only with the file's own url, so that a development
 * key never travels to another server. RC_INVALID: the file is there and is not what it should be. */
MUST_CHECK enum rc client_config_load(const char *url, const char *key, struct client_config *out,
                                      struct err *e);
/* Reads such a file. RC_NOT_FOUND: there is none. */
MUST_CHECK enum rc client_config_load_file(const char *path, struct client_config *out, struct err *e);
/* Writes the file (mode 0600, folder made when missing, replaced at once). */
MUST_CHECK enum rc client_config_save(const char *path, const struct client_config *c, struct err *e);

#endif
