/* paths.h: the files of a store, before SQLite opens them: where they are, whose they are, what is wrong with them. */
#ifndef STINT_STORE_SQLITE_PATHS_H
#define STINT_STORE_SQLITE_PATHS_H

#include "store/sqlite/sqlite.h"

char *path_joined(const char *a, const char *middle, const char *b); /* the caller's to free */
/* The file need not exist, nor, unless is_to_look, its folder. A symbolic link is followed: the lock lies beside the file
 * itself, whatever name a server was given for it. */
MUST_CHECK enum rc path_absolute(const char *path, bool is_to_look, char **out, struct err *e);
/* Held until *out is closed. RC_BUSY: another server has it. */
MUST_CHECK enum rc path_lock(const char *path, int *out, struct err *e);
/* What can be told before the file is opened. */
MUST_CHECK enum rc path_check(const struct engine *s, struct err *e);
/* For its owner only, and by that its log: SQLite would make both readable for all. */
MUST_CHECK enum rc path_make(const struct engine *s, struct err *e);

#endif
