/* powercut_disk.h: between powercut_disk.c (bytes, names, cuts) and powercut_vfs.c (what SQLite asks for). */
#ifndef STINT_TEST_POWERCUT_DISK_H
#define STINT_TEST_POWERCUT_DISK_H

#include "powercut_vfs.h"

#define DISK_SECTOR_BYTES 512
#define DISK_NAME_BYTES   512
#define DISK_SHM_REGIONS  16
#define DISK_SHM_LOCKS    8

struct bytes {
    uint8_t *p;
    int64_t n, cap;
};

struct pending;

struct inode {
    struct bytes live, durable;
    struct pending *first, **last; /* written and not flushed, in order */
    int opened, named;
    /* what the VFS keeps with a file that is open */
    int shared;                    /* connections with SHARED or more */
    void *reserved, *pending_lock; /* the connection that holds it */
    void *shm[DISK_SHM_REGIONS];
    int shm_locks[DISK_SHM_LOCKS]; /* shared holders, or -1: one holds it alone */
};

enum disk_outcome { DISK_DONE, DISK_FAILED, DISK_NO_SPACE, DISK_HALF };

void disk_lock(void);
void disk_unlock(void);
/* All below: with the lock held. */
bool disk_is_dark(void);
bool disk_overwrite_is_safe(void);
/* Counts one changing call, and says what becomes of it. */
enum disk_outcome disk_count(enum disk_call call);
enum disk_outcome inode_write(struct inode *i, int64_t at, const void *data, int64_t n);
enum disk_outcome inode_truncate(struct inode *i, int64_t n);
enum disk_outcome inode_flush(struct inode *i, bool with_folder);
int64_t inode_read(const struct inode *i, int64_t at, void *to,
                   int64_t n);                              /* how many were there; the rest is zero */
struct inode *disk_open(const char *path, bool may_create); /* NULL: there is none */
void disk_close(struct inode *i);
bool disk_delete(const char *path, bool with_folder); /* false: there is none */
struct inode *disk_find(const char *path);            /* NULL: there is none */

#endif
