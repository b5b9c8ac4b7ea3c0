/* discover.h: which files of a commit are worth parsing, and for every other one the reason why not. Pure: entries and
 * settings in, verdicts out; contents are looked at when the caller has them. */
#ifndef STINT_KINDS_INDEX_REPO_DISCOVER_H
#define STINT_KINDS_INDEX_REPO_DISCOVER_H

#include "codeindex/code.h"
#include "kinds/index_repo/git.h"

struct discover_options {
    const struct str *include, *exclude; /* patterns as in paths.h; nothing included = everything */
    size_t include_count, exclude_count;
    bool languages[CODE_LANG_COUNT]; /* all false = all */
    int64_t max_file_bytes;
};

/* linguist-generated and linguist-vendored of all .gitattributes files. */
struct attributes;
struct attributes *attributes_new(struct arena *a);
/* Adds the lines of one file that lies in `folder`; call it in ascending order of path: the later, the stronger. */
void attributes_add(struct attributes *t, struct str folder, struct str text);

/* Why this entry is not parsed, by its name and size: symlink submodule ignored_dir excluded generated vendored unsupported
 * too_large; "" when it is a candidate, and then *lang is its language. The text is a constant. */
struct str discover_skip(const struct discover_options *o, const struct attributes *t,
                         const struct git_entry *entry, enum code_lang *lang);
/* Why a candidate is not parsed after all, by its content: lfs_pointer binary minified; or "". */
struct str discover_skip_content(struct str content);

#endif
