/* page_text.h: the Markdown of a page, read line by line as far as a document needs it: what is code, and what a title says. Pure. */
#ifndef STINT_KINDS_CRAWL_DOCS_PAGE_TEXT_H
#define STINT_KINDS_CRAWL_DOCS_PAGE_TEXT_H

#include "base/arena.h"

/* The fence that is open; of all 0: none is. */
struct page_fence {
    char c;
    size_t run;
};

/* Takes the next line. True: it is a fence or stands in one, so that nothing in it means anything to Markdown. A fence may begin in a
 * list or a quotation: behind their marks. */
bool page_fence_take(struct page_fence *f, struct str line);

/* Behind the code that begins with the backticks at `at`; without an end in the line, behind the backticks. */
size_t page_code_end(struct str line, size_t at);

/* A heading as the text of a link: without links and pictures of its own, whose texts stay. */
struct str page_label(struct str heading, struct arena *a);
/* Plain text as Markdown. */
struct str page_escape(struct str text, struct arena *a);

#endif
