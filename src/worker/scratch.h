/* scratch.h: the private folders of attempts. A supervisor owns one folder under the base, locked while it lives; what
 * dead supervisors left behind is removed at the next start. */
#ifndef STINT_WORKER_SCRATCH_H
#define STINT_WORKER_SCRATCH_H

#include "base/str.h"

#define SCRATCH_PATH_BYTES 512

struct scratch {
    char root[SCRATCH_PATH_BYTES]; /* of this supervisor */
    int lock_fd;
};

/* base NULL: STINT_SCRATCH, else $TMPDIR or /tmp + "/stint-<uid>". Sweeps, then makes and locks our own folder. */
MUST_CHECK enum rc scratch_open(struct scratch *s, const char *base, struct err *e);
/* Where the folder of one attempt is, or would be. */
void scratch_name(const struct scratch *s, struct str name, char *path, size_t size);
/* A new empty folder (mode 0700) for one attempt. */
MUST_CHECK enum rc scratch_make(const struct scratch *s, struct str name, char *path, size_t size,
                                struct err *e);
/* Opens a file of an attempt's folder to read it; -1 = there is none. What a job made there is nothing to trust: no link and no
 * ".." leads out of the folder, and a pipe without a writer holds nobody up. */
MUST_CHECK int scratch_open_file(const char *folder, struct str path);
/* Removes a folder and all below it without following links. Missing is fine. Blocks: call it off the loop. */
void scratch_remove(const char *path);
void scratch_close(struct scratch *s); /* removes our folder */

#endif
