/* end_event.h: the last event of a round of a job's life, made from its row. */
#ifndef STINT_STORE_SQLITE_END_EVENT_H
#define STINT_STORE_SQLITE_END_EVENT_H

#include "base/arena.h"
#include "core/report.h"

struct job_event_row end_event(const struct job *j, struct arena *a);

#endif
