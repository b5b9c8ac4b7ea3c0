/* schema_loops.c: schemas that lead to themselves without a step into the value, such as {"$ref": "#"}: a check of one would
 * never end. All other recursion ends with the value, whose depth is bounded. */
#include "kinds/run_prompt/schema_private.h"

enum mark { UNSEEN, OPEN, CLOSED };

static enum rc visit(struct schema_node *node, struct err *e);

static enum rc visit_list(const struct schema_list *list, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < list->n && !rc; i++) {
        rc = visit(list->items[i], e);
    }
    return rc;
}

static enum rc visit_all_in_place(const struct schema_node *node, struct err *e)
{
    struct schema_node *const in_place[] = {node->reference, node->negated, node->condition, node->then,
                                            node->otherwise};
    const struct schema_list *const lists[] = {&node->all_of, &node->any_of, &node->one_of};
    enum rc rc = RC_OK;
    for (size_t i = 0; i < sizeof in_place / sizeof *in_place && !rc; i++) {
        rc = in_place[i] ? visit(in_place[i], e) : RC_OK;
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists && !rc; i++) {
        rc = visit_list(lists[i], e);
    }
    for (size_t i = 0; i < node->dependent_schemas.n && !rc; i++) {
        rc = visit(node->dependent_schemas.items[i].schema, e);
    }
    return rc;
}

static enum rc visit(struct schema_node *node, struct err *e)
{
    if (node->mark == OPEN) {
        char field[96];
        str_copy(field, sizeof field, node->place);
        return err_set_code(e, RC_INVALID, "invalid_schema", field,
                            "the schema leads back to itself and says nothing");
    }
    if (node->mark == CLOSED) {
        return RC_OK;
    }
    node->mark = OPEN;
    enum rc rc = visit_all_in_place(node, e);
    node->mark = CLOSED;
    return rc;
}

enum rc schema_find_loop(struct schema_node **nodes, size_t count, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        rc = visit(nodes[i], e);
    }
    return rc;
}
