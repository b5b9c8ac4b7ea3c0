/* api_routes.c: the table of routes is the OpenAPI document, seen from the other side. */
#include "test.h"

#include <string.h>

#include "api/call.h"
#include "base/asset.h"

static const struct json *document(void)
{
    static struct json *v;
    static struct arena *a;
    struct err e;

    if (!v) {
        a = arena_new();
        ck_assert_msg(json_parse(asset_get("src/api/openapi.json"), a, &v, &e) == RC_OK, "%s", e.text);
    }
    return v;
}

static const struct json *operation_of(const struct api_route *r)
{
    static const char *const keys[HTTP_METHODS] = {[HTTP_GET] = "get",
                                                   [HTTP_POST] = "post",
                                                   [HTTP_PUT] = "put",
                                                   [HTTP_PATCH] = "patch",
                                                   [HTTP_DELETE] = "delete"};
    const struct json *path = json_get(json_get(document(), STR("paths")), str_from(r->pattern));

    return json_get(path, str_from(keys[r->method]));
}

static struct str text_of(const struct json *o, struct str name)
{
    const struct json *v = json_get(o, name);

    return v ? v->s : STR_NONE;
}

TEST(every_route_is_in_the_openapi_document_under_its_name)
{
    for (size_t i = 0; i < api_route_count; i++) {
        const struct json *op = operation_of(&api_routes[i]);
        ck_assert_msg(op != NULL, "%s is not documented", api_routes[i].pattern);
        CHECK_STR(text_of(op, STR("operationId")), str_from(api_routes[i].operation));
    }
}

TEST(every_operation_of_the_openapi_document_is_a_route)
{
    size_t operations = 0;

    for (const struct json *p = json_get(document(), STR("paths"))->first; p; p = p->next) {
        operations += p->count;
    }
    CHECK_INT(operations, api_route_count);
}

static bool is_declared(const struct json *op, struct str name)
{
    const struct json *parameters = json_get(op, STR("parameters"));

    for (const struct json *p = parameters ? parameters->first : NULL; p; p = p->next) {
        if (str_eq(text_of(p, STR("in")), STR("query")) && str_eq(text_of(p, STR("name")), name)) {
            return true;
        }
    }
    return false;
}

TEST(query_parameters_of_routes_and_document_are_the_same)
{
    for (size_t i = 0; i < api_route_count; i++) {
        const struct json *op = operation_of(&api_routes[i]);
        const struct json *parameters = json_get(op, STR("parameters"));
        struct str rest = str_trim(str_from(api_routes[i].query));
        size_t named = 0;
        size_t declared = 0;
        while (rest.n > 0) {
            struct str name = str_cut(rest, ' ', &rest);
            ck_assert_msg(is_declared(op, name), "%s: %.*s", api_routes[i].operation, STR_ARG(name));
            named++;
        }
        for (const struct json *p = parameters ? parameters->first : NULL; p; p = p->next) {
            declared += str_eq(text_of(p, STR("in")), STR("query"));
        }
        ck_assert_msg(named == declared, "%s: %zu named, %zu declared", api_routes[i].operation, named,
                      declared);
    }
}

TEST(scopes_of_routes_and_document_are_the_same)
{
    static const char *const names[] = {[0] = "",
                                        [SCOPE_ENQUEUE] = "enqueue",
                                        [SCOPE_READ] = "read",
                                        [SCOPE_WORK] = "work",
                                        [SCOPE_ADMIN] = "admin",
                                        [SCOPE_READ | SCOPE_WORK] = "read or work"};

    for (size_t i = 0; i < api_route_count; i++) {
        const struct json *op = operation_of(&api_routes[i]);
        unsigned scope = api_routes[i].scope;
        CHECK_STR(text_of(op, STR("x-scope")), str_from(names[scope & ~(unsigned)SCOPE_WORK_ALL]));
        CHECK_INT(text_of(op, STR("x-work-all")).n > 0, (scope & SCOPE_WORK_ALL) != 0);
    }
}

TEST(a_path_is_compared_as_it_came)
{
    static const struct {
        const char *path, *operation; /* "" = none */
    } rows[] = {
        {"/v1/jobs", "listJobs"},
        {"/v1/jobs/", ""},
        {"//v1/jobs", ""},
        {"/v1//jobs", ""},
        {"/v1/../v1/jobs", ""},
        {"/v1/%6aobs", ""},
        {"/v1/jobs/x", "getJob"},
        {"/v1/jobs/x/events", "readEvents"},
        {"/v1/jobs//events", ""},
        {"/", ""},
        {"*", ""},
        {"/V1/jobs", ""},
        {"/v1/series/a%2Fb", "getSeries"},
    };
    struct arena *a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf allow = BUF_LIMIT(256);
        struct str params[API_PARAMS_MAX] = {STR_NONE, STR_NONE};
        const struct api_route *r = api_route_find(HTTP_GET, str_from(rows[i].path), a, params, &allow);
        CHECK_STR(str_from(r ? r->operation : ""), str_from(rows[i].operation));
        buf_dispose(&allow);
    }
    arena_free(a);
}

TEST(a_parameter_of_a_path_is_decoded_and_an_unknown_method_learns_what_is_allowed)
{
    struct arena *a = arena_new();
    struct buf allow = BUF_LIMIT(256);
    struct str params[API_PARAMS_MAX] = {STR_NONE, STR_NONE};

    CHECK_TRUE(api_route_find(HTTP_GET, STR("/v1/series/a%2Fb+c"), a, params, &allow) != NULL);
    CHECK_STR(params[0], STR("a/b+c"));
    CHECK_TRUE(api_route_find(HTTP_PUT, STR("/v1/jobs/x"), a, params, &allow) == NULL);
    CHECK_STR(buf_str(&allow), STR("GET, HEAD, PATCH, DELETE"));
    buf_dispose(&allow);
    arena_free(a);
}
