#include "worker/handler.h"
#include "worker/supervisor.h"
#include <strange/library.h>
