/* scripted_server.h: a web server for tests of clients: each connection's one request is answered with the bytes that its path names, be
 * they HTTP or not. */
#ifndef STINT_TEST_SCRIPTED_SERVER_H
#define STINT_TEST_SCRIPTED_SERVER_H

#include <pthread.h>

#include "base/buf.h"

struct script {
    const char *path, /* NULL ends the list */
        *answer;      /* NULL: closes without a word; "" keeps silent until the client leaves */
    size_t bytes;     /* of the answer; 0: it ends with a terminator */
};

struct scripted {
    int fd, port;
    pthread_t thread;
    const struct script *script;
    struct buf seen; /* all requests */
};

/* On a free port of 127.0.0.1. */
void scripted_start(struct scripted *s, const struct script *script);
void scripted_stop(struct scripted *s);

#endif
