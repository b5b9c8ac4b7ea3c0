/* command.h: the sub-commands, one function each in cmd_NAME.c, and what they share. The table is in main.c. */
#ifndef STINT_CMD_COMMAND_H
#define STINT_CMD_COMMAND_H

#include "cmd/options.h"

int cmd_serve(const struct options *o);
int cmd_migrate(const struct options *o);
int cmd_copy(const struct options *o);
int cmd_keys(const struct options *o);
int cmd_dev(const struct options *o);
int cmd_enqueue(const struct options *o);
int cmd_watch(const struct options *o);
int cmd_ls(const struct options *o);
int cmd_show(const struct options *o);
int cmd_cancel(const struct options *o);
int cmd_retry(const struct options *o);
int cmd_queues(const struct options *o);
int cmd_limit(const struct options *o);
int cmd_schedule(const struct options *o);
int cmd_batch(const struct options *o);
int cmd_stats(const struct options *o);
int cmd_index(const struct options *o);
int cmd_sym(const struct options *o);
int cmd_deps(const struct options *o);
int cmd_cycles(const struct options *o);
int cmd_files(const struct options *o);
int cmd_outline(const struct options *o);
int cmd_crawl(const struct options *o);
int cmd_md(const struct options *o);
int cmd_completion(const struct options *o);
int cmd_work(const struct options *o);
int cmd_worker_child(const struct options *o);
int cmd_parse_child(const struct options *o);
int cmd_index_query(const struct options *o);
int cmd_bench(const struct options *o);
int cmd_version(const struct options *o);
int cmd_help(const struct options *o);

extern const struct command command_table[]; /* ends with a row without a name */

/* "stint NAME: text" on standard error. Returns `code`, so that `return command_fail(o, EXIT_FAILED, …)` reads well. */
int command_fail(const struct options *o, enum exit_code code, const char *format, ...) PRINTF_LIKE(3, 4);
/* What `stint dev` started ends when dev does, also when that is killed; does nothing in other processes. */
void command_end_with_parent(void);
/* The exit code that says what an rc means to a caller of the program. */
enum exit_code command_exit_code(enum rc rc);

#endif
