/* robots.h: what a site asks of robots (RFC 9309), as far as it is meant for us, in robots.txt and in
 * the field X-Robots-Tag. Reading is forgiving, as the RFC wants it; what
 * an answer with another status than 200 means is not decided here. Pure. */
#ifndef STINT_KINDS_CRAWL_DOCS_ROBOTS_H
#define STINT_KINDS_CRAWL_DOCS_ROBOTS_H

#include "net/url.h"

#define ROBOTS_MAX_BYTES    (500 << 10) /* what is behind them is not read */
#define ROBOTS_DELAY_MAX_MS 60000
#define ROBOTS_SITEMAPS_MAX 50

struct robots_rule {
    struct str pattern; /* normalised; `*` any bytes, `$` at its end the end of the path */
    bool is_allow;
};

struct robots {
    struct robots_rule *rules; /* of all groups for us, or of those for everybody */
    size_t rule_count;
    int64_t delay_ms;     /* Crawl-delay, 0 … ROBOTS_DELAY_MAX_MS; -1 = none */
    struct str *sitemaps; /* as they are written; of the whole file */
    size_t sitemap_count;
};

/* Any bytes. `agent` is our product token (letters, '-', '_'). Everything in `a`, nothing of it in `text`. */
void robots_read(struct str text, struct str agent, struct arena *a, struct robots *out);

/* May this be asked for? The longest pattern that matches decides, Allow at a tie; /robots.txt may always be asked for. Takes
 * time in the length of the path and of the patterns, whatever wildcards they have. */
bool robots_allows(const struct robots *r, const struct url *url, struct arena *a);

/* What an X-Robots-Tag says to `agent`: words for everybody, and those behind its name and a colon. */
struct robots_tag {
    bool is_noindex, is_nofollow;
};
/* Adds what one field of the answer says. */
void robots_tag_read(struct str value, struct str agent, struct robots_tag *tag);

#endif
