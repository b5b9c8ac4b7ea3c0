/* kinds.c: the built-in kinds of jobs. To add one: a folder with its handler, and a line here. */
#include "kinds/exec/exec.h"

const struct handler *const handlers[] = {
    &exec_handler,
    NULL,
};
