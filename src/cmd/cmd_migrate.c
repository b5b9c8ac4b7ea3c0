/* cmd_migrate.c: stint migrate: brings a store up to date without starting a server, for people whose servers may not change the
 * schema of their database. A server does the same at its start. */
#include <stdio.h>

#include "cmd/command.h"
#include "store/store.h"

int cmd_migrate(const struct options *o)
{
    const struct store_options so = {.unsafe = options_flag(o, "store-unsafe")};
    struct err e = {0};
    enum rc rc = store_migrate(options_str(o, "store").p, &so, &e);

    if (rc) {
        return command_fail(o, command_exit_code(rc), "%s", e.text);
    }
    (void)puts("The store is up to date.");
    return EXIT_OK;
}
