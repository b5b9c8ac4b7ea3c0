/* ops.h: what a report's operations are called, where they are read and where they are written. */
#ifndef STINT_WIRE_OPS_H
#define STINT_WIRE_OPS_H

#include "core/report.h"

extern const char *const wire_op_names[REPORT_OPS];

#endif
