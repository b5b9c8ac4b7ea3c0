/* reading.c: see reading.h. */
#include "kinds/run_prompt/reading.h"

#include "kinds/run_prompt/fold.h"
#include "kinds/run_prompt/lenient.h"
#include "kinds/run_prompt/schema.h"
#include "kinds/run_prompt/searched.h"
#include "kinds/run_prompt/strict_schema.h"

static void put_if(struct json_out *w, const char *name, const struct json *v)
{
    if (v && v->type != JSON_NULL) {
        json_put_raw(w, name, v->raw);
    }
}

static void put_request(struct json_out *w, const struct prompt_args *args, struct str text)
{
    json_put_str(w, "text", text);
    json_put_bool(w, "code", args->with_code);
    put_if(w, "entities", args->entities);
    put_if(w, "paths", args->paths);
}

void reading_ask(const struct prompt_args *args, struct str text, bool is_strict, struct buf *out)
{
    struct json_out w = json_writer(out);
    json_object_begin(&w);
    put_request(&w, args, text);
    json_put_bool(&w, "strict", is_strict);
    put_if(&w, "schema", args->schema);
    json_object_end(&w);
}

void reading_ask_anew(const struct prompt_args *args, struct str text, const struct json *value,
                      struct buf *out)
{
    struct json_out w = json_writer(out);
    json_object_begin(&w);
    put_request(&w, args, text);
    put_if(&w, "value", value);
    put_if(&w, "schema", args->schema);
    json_object_end(&w);
}

struct reader {
    struct arena *a;
    const struct json *request;
    struct json_out *w;
    const struct json *value; /* NULL: none */
};

/* ---- the value */

static void write_faults(struct reader *r, const struct schema_faults *faults)
{
    json_name(r->w, "faults");
    json_array_begin(r->w);
    for (size_t i = 0; i < faults->n; i++) {
        json_object_begin(r->w);
        json_put_str(r->w, "path", faults->items[i].path);
        json_put_str(r->w, "keyword", faults->items[i].keyword);
        json_put_str(r->w, "text", faults->items[i].text);
        json_object_end(r->w);
    }
    json_array_end(r->w);
}

static void write_repairs(struct reader *r, unsigned repairs, bool has_nulls)
{
    int at = 0;
    json_name(r->w, "repairs");
    json_array_begin(r->w);
    for (const char *name = repair_next_name(repairs, &at); name; name = repair_next_name(repairs, &at)) {
        json_c(r->w, name);
    }
    if (has_nulls) {
        json_c(r->w, "nulls"); /* members that the strict schema made the model write */
    }
    json_array_end(r->w);
}

static bool wants_object(const struct json *schema)
{
    const struct json *type = json_get(schema, STR("type"));
    return type && type->type == JSON_STRING && str_eq(type->s, STR("object"));
}

/* An answer to the strict schema, as one to the original. What was only wrapped is no repair. */
static enum rc restore(struct reader *r, const struct json *schema, const struct schema *compiled,
                       bool *has_nulls, struct err *e)
{
    struct strict_schema strict = strict_schema_make(schema, r->a);
    if (strict.rule) {
        return RC_OK;
    }
    struct str text = strict_schema_restore(&strict, compiled, r->value, r->a, has_nulls);
    struct json *restored = NULL;
    enum rc rc = json_parse(text, r->a, &restored, e);
    r->value = restored;
    return rc;
}

static enum rc read_value(struct reader *r, struct str text, const struct json *schema, struct err *e)
{
    struct schema *compiled = NULL;
    struct schema_faults faults = {.n = 0};
    struct err why = {.rc = RC_OK};
    unsigned repairs = 0;
    bool has_nulls = false;
    bool is_strict = json_get(r->request, STR("strict"))->i;
    enum rc rc = schema_compile(schema, r->a, &compiled, e);
    if (rc) {
        return rc;
    }
    struct json *value = NULL;
    if (lenient_parse(text, wants_object(schema) || is_strict, r->a, &value, &repairs, &why)) {
        faults.items[faults.n++] = (struct schema_fault){STR(""), STR("json"), str_from(why.text)};
    }
    r->value = value;
    rc = r->value && is_strict ? restore(r, schema, compiled, &has_nulls, e) : RC_OK;
    if (rc) {
        return rc;
    }
    bool is_valid = r->value && schema_check(compiled, r->value, r->a, &faults);
    json_put_bool(r->w, "valid", is_valid);
    if (r->value) {
        json_put_raw(r->w, "value", r->value->raw);
    }
    write_repairs(r, repairs, has_nulls);
    write_faults(r, &faults);
    return RC_OK;
}

/* ---- mentions */

static void write_mention(struct reader *r, const struct entity *entity, const struct mention *m)
{
    json_object_begin(r->w);
    json_put_str(r->w, "name", entity->name);
    json_put_int(r->w, "count", m->count);
    if (m->count) {
        json_put_int(r->w, "offset", m->first_offset);
        json_put_int(r->w, "order", m->order);
        json_put_int(r->w, "list_rank", m->list_rank);
        json_put_str(r->w, "form", m->form);
        json_put_c(r->w, "source", m->is_by_domain ? "link" : "text");
        json_name(r->w, "snippets");
        json_array_begin(r->w);
        for (size_t i = 0; i < m->snippet_count; i++) {
            json_str(r->w, m->snippets[i]);
        }
        json_array_end(r->w);
    }
    json_object_end(r->w);
}

static void write_mentions(struct reader *r, const struct entity *entities, size_t count,
                           const struct mentions *m)
{
    json_name(r->w, "mentions");
    json_array_begin(r->w);
    for (size_t i = 0; i < count; i++) {
        write_mention(r, &entities[i], &m->of[i]);
    }
    json_array_end(r->w);
    json_name(r->w, "citations");
    json_array_begin(r->w);
    for (size_t i = 0; i < m->citation_count; i++) {
        const struct citation *c = &m->citations[i];
        json_object_begin(r->w);
        json_put_str(r->w, "url", c->url);
        json_put_str(r->w, "domain", c->host);
        json_put_str(r->w, "entity",
                     c->entity < 0 || (size_t)c->entity >= count ? STR("") : entities[c->entity].name);
        json_object_end(r->w);
    }
    json_array_end(r->w);
}

static enum rc read_mentions(struct reader *r, struct str text, const struct json *list, struct err *e)
{
    struct entity *entities = NULL;
    size_t count = 0;
    struct mentions found;
    enum rc rc = list ? prompt_entities_read(list, r->a, &entities, &count, e) : RC_OK;
    if (rc) {
        return rc;
    }
    const struct json *schema = json_get(r->request, STR("schema"));
    if (r->value) {
        text = searched_text(r->value, json_get(r->request, STR("paths")), schema, FOLD_MAX_BYTES, r->a);
    }
    const struct mention_search search = {.text = str_sub(text, 0, FOLD_MAX_BYTES),
                                          .entities = entities,
                                          .count = count,
                                          /* a value may have come in a fence */
                                          .with_code = r->value || json_get(r->request, STR("code"))->i};
    rc = mentions_find(&search, r->a, &found, e);
    if (!rc) {
        write_mentions(r, entities, count, &found);
    }
    return rc;
}

enum rc reading_answer(struct str request, struct buf *answer, struct err *e)
{
    struct arena *a = arena_new();
    struct json *o = NULL;
    struct json_out w = json_writer(answer);
    enum rc rc = json_parse(request, a, &o, e);
    if (!rc) {
        struct reader r = {.a = a, .request = o, .w = &w, .value = json_get(o, STR("value"))};
        struct str text = json_get(o, STR("text"))->s;
        const struct json *schema = json_get(o, STR("schema"));
        json_object_begin(&w);
        rc = schema && json_get(o, STR("strict")) ? read_value(&r, text, schema, e) : RC_OK;
        rc = rc ? rc : read_mentions(&r, text, json_get(o, STR("entities")), e);
        json_object_end(&w);
    }
    rc = rc ? rc : buf_check(answer, "what was read", e);
    arena_free(a);
    return rc;
}

static struct str raw_of(const struct json *o, const char *name, struct str otherwise)
{
    const struct json *v = json_get(o, str_from(name));
    return v ? v->raw : otherwise;
}

enum rc reading_take(struct str answer, struct arena *a, struct reading *out, struct err *e)
{
    struct json *o = NULL;
    enum rc rc = json_parse(answer, a, &o, e);
    if (rc) {
        return rc;
    }
    const struct json *valid = json_get(o, STR("valid"));
    *out = (struct reading){.is_valid = !valid || valid->i,
                            .value = raw_of(o, "value", STR("")),
                            .repairs = raw_of(o, "repairs", STR("[]")),
                            .faults = raw_of(o, "faults", STR("[]")),
                            .mentions = raw_of(o, "mentions", STR("[]")),
                            .citations = raw_of(o, "citations", STR("[]"))};
    return RC_OK;
}
