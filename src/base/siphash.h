/* siphash.h: SipHash-2-4: a short tag that nobody can make who does not know the key. For brief messages among ourselves; what
 * must last, or is worth an attacker's year, takes crypto/. */
#ifndef STINT_BASE_SIPHASH_H
#define STINT_BASE_SIPHASH_H

#include "base/str.h"

#define SIPHASH_KEY_BYTES 16

uint64_t siphash(const unsigned char key[SIPHASH_KEY_BYTES], struct str s);

#endif
