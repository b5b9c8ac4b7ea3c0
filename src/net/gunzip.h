/* gunzip.h: a gzip file of a stranger, unpacked within bounds. (What an answer's own encoding packs, libcurl unpacks: fetch.h.) */
#ifndef STINT_NET_GUNZIP_H
#define STINT_NET_GUNZIP_H

#include "base/buf.h"

/* Does it begin as one? */
bool gunzip_is_packed(struct str bytes);
/* Appends what is packed to `out`; several members are one file. RC_TOO_BIG: over out's limit. RC_INVALID, code `bad_encoding`: it is
 * damaged or cut short; what was unpacked until then is in `out`. Any thread. */
MUST_CHECK enum rc gunzip(struct str bytes, struct buf *out, struct err *e);

#endif
