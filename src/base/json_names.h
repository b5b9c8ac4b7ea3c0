/* json_names.h: the member names of the objects that are open while a text is read, to find duplicates. A stack:
 * an object's names lie above those of the object around it. For json_read.c only. */
#ifndef STINT_BASE_JSON_NAMES_H
#define STINT_BASE_JSON_NAMES_H

#include "base/str.h"

#define JSON_NAMES_INLINE 64

struct json_names {
    struct str *items; /* first, or heap memory once there are more */
    size_t n, cap;
    struct str first[JSON_NAMES_INLINE];
};

/* One object's part of the stack. A big object gets a hash table keyed with random bits of the process, so that
 * no stranger can choose names that make it slow; a small one is compared name by name. */
struct json_name_set {
    size_t base;
    uint32_t *slots; /* 1 + index above base; 0 is free */
    size_t slot_count;
};

void json_names_init(struct json_names *names);
void json_names_dispose(struct json_names *names);
void json_name_set_begin(struct json_name_set *set, const struct json_names *names);
/* False if the object already has this name. `name` is borrowed until the object ends. */
bool json_name_set_add(struct json_name_set *set, struct json_names *names, struct str name);
void json_name_set_end(struct json_name_set *set, struct json_names *names);

#endif
