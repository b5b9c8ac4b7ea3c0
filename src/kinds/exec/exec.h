/* exec.h: the handler that runs a configured command. */
#ifndef STINT_KINDS_EXEC_EXEC_H
#define STINT_KINDS_EXEC_EXEC_H

#include "worker/handler.h"

extern const struct handler exec_handler;

#endif
