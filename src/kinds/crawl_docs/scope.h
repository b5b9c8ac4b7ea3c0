/* scope.h: which pages belong to a crawl: those of the site that its first page names, as far as globs and file names let them. Pure. */
#ifndef STINT_KINDS_CRAWL_DOCS_SCOPE_H
#define STINT_KINDS_CRAWL_DOCS_SCOPE_H

#include "net/url.h"

#define SCOPE_GLOB_MAX_BYTES 256

enum scope_kind {
    SCOPE_PREFIX,     /* the first page's host, at or below its folder */
    SCOPE_HOST,       /* all of its host */
    SCOPE_SUBDOMAINS, /* and of the hosts below it; a `www.` in front of it does not count */
};

enum scope_verdict {
    SCOPE_IN,
    SCOPE_OUT,       /* another site, or beside the prefix */
    SCOPE_EXCLUDED,  /* by a glob, or by none that includes it */
    SCOPE_EXTENSION, /* a picture, an archive, a style …: no page by its name */
};

struct scope {
    enum scope_kind kind;
    struct url seed; /* where the first page was found, behind redirects */
    const struct str *include, *exclude;
    size_t include_count, exclude_count;
};

/* Where http and https have their usual ports they are one site. The seed itself is always in. */
enum scope_verdict scope_judge(const struct scope *s, const struct url *url, struct arena *a);
const char *
scope_verdict_name(enum scope_verdict verdict); /* as users see it: out_of_scope, excluded, extension */

/* Does the whole text match? `*` = any bytes but '/', `**` = any bytes, `?` = one byte but '/'. A pattern with "://" is for whole
 * addresses, one that begins with '/' for path and query, any other for their end behind a '/'. */
bool scope_matches(struct str pattern, const struct url *url, struct arena *a);

/* The folder of a page: its path to the last '/'. */
struct str scope_prefix(const struct url *seed);

#endif
