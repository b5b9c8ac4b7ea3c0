/* fault.h: named places where tests make things fail. In a release build FAULT() is constant false and costs nothing;
 * in test builds (STINT_FAULTS) the variable STINT_FAULT=name:action[:nth] or fault_arm() sets it off.
 * Actions: `fail` (FAULT is true once), `always`, `kill` (the process dies here, as by kill -9), `pause` (stops itself). */
#ifndef STINT_BASE_FAULT_H
#define STINT_BASE_FAULT_H

#include "base/str.h"

#ifdef STINT_FAULTS
bool fault_hit(const char *name);
void fault_arm(const char *name, const char *action, int nth);
void fault_disarm(void);
#define FAULT(name) fault_hit(name)
#else
#define FAULT(name) false
#endif

#endif
