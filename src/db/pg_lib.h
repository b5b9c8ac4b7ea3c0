/* pg_lib.h: libpq, loaded when the first connection is opened. It brings TLS, Kerberos and LDAP along, 5 MiB of memory and
 * twenty libraries, which a server on a file neither pays for nor needs to have installed. The files of pg.h call its
 * functions by their own names. Another function? Add it to both lists. */
#ifndef STINT_DB_PG_LIB_H
#define STINT_DB_PG_LIB_H

#include "base/err.h"

#include <libpq-fe.h>

/* clang-format off */
#define PG_LIB_FUNCTIONS(X) \
    X(PQbackendPID) X(PQclear) X(PQcmdStatus) X(PQcmdTuples) X(PQconnectPoll) X(PQconnectStartParams) \
    X(PQconnectionNeedsPassword) X(PQconninfoFree) X(PQconninfoParse) X(PQconsumeInput) X(PQenterPipelineMode) X(PQerrorMessage) \
    X(PQexitPipelineMode) X(PQfinish) X(PQflush) X(PQfreemem) X(PQftype) X(PQgetResult) X(PQgetisnull) \
    X(PQgetlength) X(PQgetvalue) X(PQisBusy) X(PQnfields) X(PQnotifies) X(PQntuples) X(PQpipelineStatus) \
    X(PQpipelineSync) X(PQresultErrorField) X(PQresultErrorMessage) X(PQresultStatus) X(PQsendPrepare) \
    X(PQsendQuery) X(PQsendQueryParams) X(PQsendQueryPrepared) X(PQserverVersion) X(PQsetErrorVerbosity) \
    X(PQsetNoticeReceiver) X(PQsetnonblocking) X(PQsocket) X(PQstatus) X(PQtransactionStatus)
/* clang-format on */

#define PG_LIB_MEMBER(name) __typeof__(name) *name##_;
struct pg_lib {
    PG_LIB_FUNCTIONS(PG_LIB_MEMBER)
};

extern struct pg_lib pg_lib;

/* Once for the process; any thread. RC_NOT_FOUND: libpq is not installed, with the command that installs it. */
MUST_CHECK enum rc pg_lib_load(struct err *e);

#define PQbackendPID              pg_lib.PQbackendPID_
#define PQclear                   pg_lib.PQclear_
#define PQcmdStatus               pg_lib.PQcmdStatus_
#define PQcmdTuples               pg_lib.PQcmdTuples_
#define PQconnectPoll             pg_lib.PQconnectPoll_
#define PQconnectStartParams      pg_lib.PQconnectStartParams_
#define PQconnectionNeedsPassword pg_lib.PQconnectionNeedsPassword_
#define PQconninfoFree            pg_lib.PQconninfoFree_
#define PQconninfoParse           pg_lib.PQconninfoParse_
#define PQconsumeInput            pg_lib.PQconsumeInput_
#define PQenterPipelineMode       pg_lib.PQenterPipelineMode_
#define PQerrorMessage            pg_lib.PQerrorMessage_
#define PQexitPipelineMode        pg_lib.PQexitPipelineMode_
#define PQfinish                  pg_lib.PQfinish_
#define PQflush                   pg_lib.PQflush_
#define PQfreemem                 pg_lib.PQfreemem_
#define PQftype                   pg_lib.PQftype_
#define PQgetResult               pg_lib.PQgetResult_
#define PQgetisnull               pg_lib.PQgetisnull_
#define PQgetlength               pg_lib.PQgetlength_
#define PQgetvalue                pg_lib.PQgetvalue_
#define PQisBusy                  pg_lib.PQisBusy_
#define PQnfields                 pg_lib.PQnfields_
#define PQnotifies                pg_lib.PQnotifies_
#define PQntuples                 pg_lib.PQntuples_
#define PQpipelineStatus          pg_lib.PQpipelineStatus_
#define PQpipelineSync            pg_lib.PQpipelineSync_
#define PQresultErrorField        pg_lib.PQresultErrorField_
#define PQresultErrorMessage      pg_lib.PQresultErrorMessage_
#define PQresultStatus            pg_lib.PQresultStatus_
#define PQsendPrepare             pg_lib.PQsendPrepare_
#define PQsendQuery               pg_lib.PQsendQuery_
#define PQsendQueryParams         pg_lib.PQsendQueryParams_
#define PQsendQueryPrepared       pg_lib.PQsendQueryPrepared_
#define PQserverVersion           pg_lib.PQserverVersion_
#define PQsetErrorVerbosity       pg_lib.PQsetErrorVerbosity_
#define PQsetNoticeReceiver       pg_lib.PQsetNoticeReceiver_
#define PQsetnonblocking          pg_lib.PQsetnonblocking_
#define PQsocket                  pg_lib.PQsocket_
#define PQstatus                  pg_lib.PQstatus_
#define PQtransactionStatus       pg_lib.PQtransactionStatus_

#endif
