/* leases.c: keys for all tenants (scope work_all). Such a key is of no tenant: it claims, and for each lease that a claim of such a key
 * was given it acts in the tenant of the job, as a worker of that tenant could. Of what it holds no lease it learns nothing, not
 * even whether it is there: each is 409 lease_lost. Reports and artifacts name their lease anyway; what else a worker
 * reads is read under the lease that the header Stint-Lease names, while it lasts. */
#include "api/call.h"

#define LEASE_HEADER STR("Stint-Lease")

bool api_is_of_all(const struct api_call *c)
{
    return c->key.scopes & SCOPE_WORK_ALL;
}

enum rc api_lease_lost(struct err *e)
{
    return err_set_code(e, RC_LEASE_LOST, "lease_lost", NULL, "no worker of this server has that lease");
}

void api_find_leases(struct api_call *c, const struct lease_name *leases, size_t count,
                     void (*done)(struct store_op *op))
{
    struct store_find_leases *op = api_op(c, sizeof *op, STORE_FIND_LEASES, done);

    op->worker = STR(QUEUE_OF_ALL);
    op->leases = leases;
    op->count = count;
    api_submit(c, &op->op);
}

/* ---- reading */

static bool read_header(struct api_call *c, struct lease_name *out)
{
    struct str rest;
    struct str header = http_request_header(c->x, LEASE_HEADER);
    struct str job = str_cut(str_trim(header), ' ', &rest);

    if (!header.p) {
        api_fail(c, RC_DENIED, NULL, NULL,
                 "a key for all tenants reads what belongs to a lease: send Stint-Lease: JOB LEASE");
        return false;
    }
    if (http_request_header_count(c->x, LEASE_HEADER) > 1 || !id_parse(job, &out->job) ||
        !str_to_i64(rest, &out->lease)) {
        api_fail(c, RC_INVALID, "malformed_request", NULL,
                 "Stint-Lease must be the id of a job, a blank, and the number of its lease");
        return false;
    }
    return true;
}

static void on_found(struct store_op *op)
{
    struct api_call *c = op->owner;
    const struct lease_place *place = LOOP_OWNER(op, struct store_find_leases, op)->places;
    void (*then)(struct api_call * c) = c->state;
    struct err e;

    if (api_failed(c, op)) {
        return;
    }
    if (!place->tenant || !place->is_live) {
        api_problem(c, api_lease_lost(&e), &e);
        return;
    }
    c->tenant = place->tenant;
    c->state = NULL;
    then(c);
}

void api_under_lease(struct api_call *c, void (*then)(struct api_call *c))
{
    struct lease_name *name = arena_alloc(c->a, sizeof *name);

    if (read_header(c, name)) {
        c->state = then;
        api_find_leases(c, name, 1, on_found);
    }
}
