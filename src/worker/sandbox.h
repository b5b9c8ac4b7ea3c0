/* sandbox.h: the walls around the processes that do the work. Called by the child itself, first thing after its start;
 * what the kernel does not offer is left out and told by sandbox_level(). */
#ifndef STINT_WORKER_SANDBOX_H
#define STINT_WORKER_SANDBOX_H

#include "base/str.h"

/* For the process that fetches: dies with its parent, no core dumps, no new privileges, bounded files and descriptors. */
void sandbox_enter_fetch(void);
/* For the process that parses hostile bytes: as above, and 512 MiB of memory, no new files or descriptors, and of the
 * system calls only what reading, writing, memory and ending need (seccomp; another one ends the process). */
void sandbox_enter_parse(void);
/* For the process that asks a code index: as parse, but it may read this one file. */
void sandbox_enter_query(const char *path);
/* "seccomp+rlimits" or "rlimits": for the log line at start. */
const char *sandbox_level(void);

#endif
