/* table.h: a hash table of things that carry their own link: no allocation for an entry. The hash is keyed with a secret
 * of the process, because the names and keys in these tables are chosen by strangers. */
#ifndef STINT_QUEUE_TABLE_H
#define STINT_QUEUE_TABLE_H

#include "base/id.h"

struct table_node {
    struct table_node *next;
    uint64_t hash;
};

struct table { /* zero-initialised = empty */
    struct table_node **slots;
    size_t slot_count, count;
};

uint64_t table_hash_str(int64_t tenant, struct str s);
uint64_t table_hash_id(struct id id);
void table_add(struct table *t, struct table_node *n, uint64_t hash);
void table_remove(struct table *t, struct table_node *n);
/* The entries with this hash, one after the other; the caller compares the rest. NULL: no more. */
struct table_node *table_first(const struct table *t, uint64_t hash);
struct table_node *table_next(const struct table_node *n);
/* Any entry, or NULL: for emptying. */
struct table_node *table_any(const struct table *t);
void table_dispose(struct table *t); /* the slots; the entries are their owners' */

#endif
