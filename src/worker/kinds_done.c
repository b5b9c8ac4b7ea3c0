/* kinds_done.c: which kinds of jobs a worker asks for: those that it was told to do, else all that it is able to. */
#include <string.h>

#include "base/log.h"
#include "worker/supervisor.h"

bool supervisor_is_exec(const struct supervisor *sup, struct str kind, const char **command)
{
    for (size_t i = 0; i < sup->o->exec_count; i++) {
        if (str_eq(kind, str_from(sup->o->execs[i].kind))) {
            *command = sup->o->execs[i].command;
            return true;
        }
    }
    return false;
}

static bool has_option(const struct supervisor *sup, const char *name)
{
    for (size_t i = 0; name && i < sup->o->option_count; i++) {
        if (strcmp(sup->o->options[i].name, name) == 0) {
            return true;
        }
    }
    return !name;
}

size_t supervisor_kinds(const struct supervisor *sup, struct str to[WORKER_KINDS_MAX])
{
    const char *const *told = sup->o->kinds;
    size_t count = 0;
    for (; told && told[count] && count < WORKER_KINDS_MAX; count++) {
        to[count] = str_from(told[count]);
    }
    if (count) {
        return count;
    }
    for (size_t i = 0; handlers[i] && count < WORKER_KINDS_MAX; i++) {
        bool has_kind = strcmp(handlers[i]->kind, "exec") != 0; /* a handler without a kind of its own */
        if (has_kind && has_option(sup, handlers[i]->needs)) {
            to[count++] = str_from(handlers[i]->kind);
        }
    }
    for (size_t i = 0; i < sup->o->exec_count && count < WORKER_KINDS_MAX; i++) {
        to[count++] = str_from(sup->o->execs[i].kind);
    }
    return count;
}

bool supervisor_does(const struct supervisor *sup, struct str kind)
{
    struct str kinds[WORKER_KINDS_MAX];
    size_t count = supervisor_kinds(sup, kinds), i = 0;
    while (i < count && !str_eq(kinds[i], kind)) {
        i++;
    }
    return i < count;
}

enum rc supervisor_check_kinds(const struct supervisor *sup, struct err *e)
{
    for (size_t i = 0; handlers[i]; i++) {
        const struct handler *h = handlers[i];
        const char *unused = NULL;
        if (has_option(sup, h->needs) || supervisor_is_exec(sup, str_from(h->kind), &unused)) {
            continue;
        }
        if (supervisor_does(sup, str_from(h->kind))) {
            return err_set(e, RC_INVALID, "the kind %s needs --%s", h->kind, h->needs);
        }
        if (!sup->o->kinds) {
            log_info("worker.kind_left", L_C("kind", h->kind), L_C("needs", h->needs));
        }
    }
    return RC_OK;
}
