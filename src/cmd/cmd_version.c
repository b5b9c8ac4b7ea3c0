/* cmd_version.c: stint version. */
#include <stdio.h>

#include "cmd/command.h"

int cmd_version(const struct options *o)
{
    (void)printf(options_flag(o, "json") ? "{\"version\":\"%s\"}\n" : "stint %s\n", STINT_VERSION);
    return EXIT_OK;
}
