/* db_file.h: a file of a database (the database itself, its log) as bytes, read through the VFS that SQLite would use, for
 * checks that come before SQLite opens it and may not change anything. */
#ifndef STINT_DB_DB_FILE_H
#define STINT_DB_DB_FILE_H

#include "base/err.h"

struct db_file;

/* To read only; *out is NULL when there is no such file or it is empty. vfs as in db_options. An input/output error is
 * RC_FATAL. Not while this process has the same file open by db_open. */
MUST_CHECK enum rc db_file_open(const char *path, const char *vfs, struct db_file **out, struct err *e);
/* All n bytes; RC_NOT_FOUND: the file ends before. */
MUST_CHECK enum rc db_file_read(struct db_file *f, int64_t at, void *to, size_t n, struct err *e);
int64_t db_file_bytes(const struct db_file *f); /* as it was opened; NULL: 0 */
void db_file_close(struct db_file *f);          /* NULL is fine */

#endif
