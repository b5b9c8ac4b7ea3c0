/* extract_c_macros.h: C is full of words that only the preprocessor understands: MUST_CHECK before a prototype, PRINTF_LIKE(1, 2)
 * behind one. A parser that sees the source as it stands takes them for types and loses its way. */
#ifndef STINT_KINDS_INDEX_REPO_EXTRACT_C_MACROS_H
#define STINT_KINDS_INDEX_REPO_EXTRACT_C_MACROS_H

#include "base/arena.h"

/* A copy of the text, of the same length and lines, in which words in capitals that stand before or behind a declaration,
 * outside of function bodies, are blanks, and types that are arguments of macros are plain words. */
struct str c_without_macros(struct str text, struct arena *a);

#endif
