/* index_queries.h: the processes that answer questions to code indexes. On the loop's thread. */
#ifndef STINT_API_INDEX_QUERIES_H
#define STINT_API_INDEX_QUERIES_H

#include "api/call.h"

struct index_queries *index_queries_new(struct api *api);
/* None may be under way: the HTTP server is gone by then, and with it every call. NULL is fine. */
void index_queries_free(struct index_queries *all);

#endif
