/* mentions.h: which names of a list stand in an answer, how often and where; and what it cites.
 *
 * Both sides are folded (fold.h), so that "Café  Müller" is "cafe muller", and "AT&T" is "AT and T". A name may stand in the
 * possessive, and with or without its legal suffix (Inc, Ltd, GmbH, …). A name ends where a word ends. Of names that overlap the
 * one that begins first counts, and of these the longest, and it takes its place: "New York Times" holds no "New York".
 * A link whose text is the name and whose address is of the name's own domain is one mention. */
#ifndef STINT_KINDS_RUN_PROMPT_MENTIONS_H
#define STINT_KINDS_RUN_PROMPT_MENTIONS_H

#include "base/arena.h"

#define MENTION_SNIPPETS      3
#define MENTION_SNIPPET_CHARS 80 /* on each side */
#define MENTION_FORMS_MAX     2000

struct entity {
    struct str name;
    const struct str *forms; /* other names */
    size_t form_count;
    const struct str *domains; /* `example.org`: its hosts count as mentions, the hosts below it too */
    size_t domain_count;
    const struct str *not_in; /* texts in which the name does not mean it: "Apple Valley" */
    size_t not_in_count;
    bool is_case_sensitive;
};

struct mention {
    int64_t count;
    int64_t first_offset; /* bytes; -1: not mentioned */
    int64_t order;        /* 1: mentioned before all others; 0: not mentioned */
    int64_t list_rank;    /* of the list item with its first mention in one: 1, 2, …; 0: in none */
    struct str form;      /* as it stands in the text, the first time */
    bool is_by_domain;    /* the first one is an address */
    struct str snippets[MENTION_SNIPPETS];
    size_t snippet_count;
};

struct citation {
    struct str url, host;
    int64_t entity; /* whose domain it is; -1: nobody's */
    int64_t offset;
};

struct mentions {
    struct mention *of; /* one for each entity, in their order */
    struct citation *citations;
    size_t citation_count;
};

struct mention_search {
    struct str text; /* UTF-8 of at most FOLD_MAX_BYTES */
    const struct entity *entities;
    size_t count;
    bool with_code; /* fenced code blocks count too */
};

/* Can each be found? RC_INVALID, code `invalid_input`, field `entities`: two are called the same, or there are more than
 * MENTION_FORMS_MAX forms in all. */
MUST_CHECK enum rc mentions_check(const struct entity *entities, size_t count, struct err *e);

/* RC_TOO_BIG: more than MENTION_FORMS_MAX forms in all. Everything lives in `a`. */
MUST_CHECK enum rc mentions_find(const struct mention_search *search, struct arena *a, struct mentions *out,
                                 struct err *e);

#endif
