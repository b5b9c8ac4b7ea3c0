#include "store/sqlite/rows.h"
