#include "store/sqlite/engine.h"
#include "queue.h"
