/* bench_slow.h: a reader of a stream that takes one byte at a time, for `stint bench fanout --slow`. */
#ifndef STINT_CMD_BENCH_SLOW_H
#define STINT_CMD_BENCH_SLOW_H

#include "base/err.h"
#include "base/str.h"

struct slow_reader {
    int fd; /* -1: closed */
};

/* Connects (waiting for it) and asks for the stream. */
MUST_CHECK enum rc slow_reader_open(struct slow_reader *r, struct str url, struct str path,
                                    const char *authorization, struct err *e);
/* Takes one byte, if there is one. False: the server has cut it, and it is closed. */
bool slow_reader_take_byte(struct slow_reader *r);
void slow_reader_close(struct slow_reader *r); /* again is fine */

#endif
