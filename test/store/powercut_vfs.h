/* powercut_vfs.h: a disk that loses power, fills up and fails on command: a VFS of SQLite, named "powercut", that keeps
 * files in memory twice: as the program reads them, and as they would be found after the power went. What was written
 * and not yet flushed is kept, lost, torn or turned into garbage when the cut comes, and a name that was made or removed
 * counts only once its folder was flushed. One disk per process; any thread. */
#ifndef STINT_TEST_POWERCUT_VFS_H
#define STINT_TEST_POWERCUT_VFS_H

#include "base/str.h"

#define POWERCUT_VFS "powercut"

enum cut_model {
    CUT_DROP,    /* each unflushed write is there or is not */
    CUT_TORN,    /* … sector by sector */
    CUT_GARBAGE, /* … and sectors may hold anything, also in another order than written */
    CUT_MODELS,
};

enum disk_call { /* bits: which calls a planned failure counts */
                 DISK_WRITE = 1,
                 DISK_SYNC = 2,
                 DISK_OPEN = 4,
                 DISK_TRUNCATE = 8,
                 DISK_DELETE = 16,
};

enum disk_failure {
    DISK_EIO,   /* input/output error */
    DISK_FULL,  /* no space */
    DISK_SHORT, /* half of the bytes are written, then no space */
};

void powercut_register(void);
/* A new empty disk; forgets every plan. No store may be open on the old one. */
void powercut_format(uint64_t seed);
/* Does a write leave the bytes beside it in its sector alone, whatever happens? (SQLite's unix VFS says yes, and so does
 * a new disk here.) CUT_GARBAGE damages whole sectors: say no first. For stores that are opened from now on. */
void powercut_overwrite_is_safe(bool is_safe);
/* The power goes after `calls` more changing calls; from then on each call fails. */
void powercut_arm(int64_t calls, enum cut_model model);
bool powercut_is_dark(void);
/* Power again: every file becomes what the cut left of it. Without a cut before, cuts now. Nothing may be open. */
void powercut_restore(void);
/* The n-th call (from 1, of those in the mask) fails; with `is_lasting` so do all that follow. n 0: no more failures. */
void powercut_fail(unsigned calls, int64_t n, enum disk_failure failure, bool is_lasting);
/* Files may grow by no more than `room` bytes together; the first write that finds none is told so, and gives `reserve`
 * bytes more, as a program does that keeps a ballast for that day. room -1: as much as there is. */
void powercut_fill(int64_t room, int64_t reserve);
/* Did a planned failure happen? */
bool powercut_failed(void);

#endif
