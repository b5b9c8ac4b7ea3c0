/* tidy.h: included before every file that clang-tidy looks at, but for err.c. It cannot see into other files, so it is told
 * here what err.h promises: these return the rc they were given, and that is never RC_OK. */
#ifndef STINT_TOOLS_TIDY_H
#define STINT_TOOLS_TIDY_H

#include "base/err.h"

#define err_set(e, rc, ...)      ((void)err_set((e), (rc), __VA_ARGS__), (rc))
#define err_set_code(e, rc, ...) ((void)err_set_code((e), (rc), __VA_ARGS__), (rc))
#define err_wrap(e, rc, ...)     ((void)err_wrap((e), (rc), __VA_ARGS__), (rc))
#define err_from_errno(e, n, w)  (err_from_errno((e), (n), (w)) ?: RC_FATAL)

#endif
