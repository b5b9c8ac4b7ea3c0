/* extract.h: from the bytes of one source file to its symbols and imports. Pure: no files, no clock, no process; meant to
 * run where a crash or an endless loop costs this one file. Never recurses on the input. */
#ifndef STINT_KINDS_INDEX_REPO_EXTRACT_H
#define STINT_KINDS_INDEX_REPO_EXTRACT_H

#include "codeindex/code.h"

/* Grows whenever the same bytes may give other records: part of the key under which results are cached. */
#define EXTRACT_VERSION 1

struct extract_limits {
    bool (*should_stop)(void *arg); /* asked now and then; true ends the work with RC_BUSY. NULL: never */
    void *arg;
    size_t max_nodes; /* of the syntax tree; what is behind is left out and `is_cut` set. 0: 4 million */
};

/* Any bytes do: what is not UTF-8 is read as Latin-1, what is not the language gives error ranges. The record's texts
 * point into `text` or live in `a`. RC_BUSY: stopped. RC_FATAL: a grammar is missing or does not fit (a bug). */
MUST_CHECK enum rc extract_file(struct str text, enum code_lang lang, const struct extract_limits *limits,
                                struct arena *a, struct code_parsed *out, struct err *e);

#endif
