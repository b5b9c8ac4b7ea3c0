/* sql.c: see sql.h. */
#include "store/pg/sql.h"

#include "store/queries.h"

#include <pthread.h>

#define SQL_AS_NAME(upper, name) name,
static const char *const names[PG_SQL_COUNT] = {PG_SQL_QUERIES(SQL_AS_NAME)};

static char *texts[PG_SQL_COUNT];
static struct queries queries = {"sql/pg/queries/", names, PG_SQL_COUNT, texts, {0}};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
    queries_load(&queries);
}

enum rc pg_sql_load(struct err *e)
{
    pthread_once(&once, load);
    if (queries.error.rc && e) {
        *e = queries.error;
    }
    return queries.error.rc;
}

const char *pg_sql(enum pg_sql_query q)
{
    return texts[q];
}
