/* dev_key.h: the key of `stint serve --dev-file`: the one that the file already holds when this store knows it, else a new
 * one with every scope; left in the file (mode 0600) with the server's address. */
#ifndef STINT_CMD_DEV_KEY_H
#define STINT_CMD_DEV_KEY_H

#include "queue/queue.h"

/* `done` is called once, on the loop, never from inside this function: the file is written, or e says why not. */
void dev_key_provide(struct loop *l, struct queue *q, const char *path, const char *url,
                     void (*done)(void *ctx, enum rc rc, const struct err *e), void *ctx);

#endif
