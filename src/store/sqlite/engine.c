/* engine.c: opens and closes a SQLite store: the lock, the folder of files, the connections, the threads. */
#include "store/copy_engine.h"
#include "store/sqlite/artifacts.h"
#include "store/sqlite/log_check.h"
#include "store/sqlite/paths.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_ROOT   "/dev/shm"
#define MEMORY_PREFIX "stint-"
#define READERS_MAX   16

/* ---- memory: a private folder in /dev/shm, removed at close; what a killed process left is removed by the next one. */

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        char *inner = path_joined(path, "/", d->d_name);
        bool is_own = strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
        if (is_own && unlink(inner) != 0 && (errno == EISDIR || errno == EPERM)) {
            remove_folder(inner);
        }
        mem_free(inner);
    }
    if (dir) {
        closedir(dir);
    }
    (void)rmdir(path);
}

static void remove_abandoned(void)
{
    DIR *root = opendir(MEMORY_ROOT);
    for (struct dirent *d = root ? readdir(root) : NULL; d; d = readdir(root)) {
        if (!str_starts(str_from(d->d_name), STR(MEMORY_PREFIX))) {
            continue;
        }
        char *folder = path_joined(MEMORY_ROOT, "/", d->d_name);
        char *lock = path_joined(folder, "/", "store.lock");
        int fd = open(lock, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
            remove_folder(folder);
        }
        if (fd >= 0) {
            close(fd);
        }
        mem_free(lock);
        mem_free(folder);
    }
    if (root) {
        closedir(root);
    }
}

/* ---- connections and threads */

enum rc engine_open_db(struct engine *s, bool is_writer, struct db **out, struct err *e)
{
    struct db_options options = {
        .read_only = !is_writer, .create = is_writer, .vfs = s->base.options.vfs, .busy_wait_ms = 5000};
    enum rc rc = db_open(s->path, &options, out, e);
    if (!rc && !is_writer) {
        char text[80];
        str_print(text, sizeof text, "PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY", READER_CACHE_KIB);
        rc = db_exec(*out, text, e);
        if (rc) {
            db_close(*out);
            *out = NULL;
        }
    }
    return rc;
}

static enum rc start_threads(struct engine *s, struct err *e)
{
    if (!s->base.options.read_only) {
        if (pthread_create(&s->committer_thread, NULL, committer_main, s) != 0) {
            return err_set(e, RC_FATAL, "no thread for the committer");
        }
        s->has_committer = true;
    }
    int want = s->base.options.readers > 0 ? s->base.options.readers : 2;
    want = want > READERS_MAX ? READERS_MAX : want;
    s->reader_threads = mem_alloc((size_t)want * sizeof *s->reader_threads);
    for (int i = 0; i < want; i++) {
        if (pthread_create(&s->reader_threads[i], NULL, reader_main, s) != 0) {
            return err_set(e, RC_FATAL, "no thread for a reader");
        }
        s->reader_count++;
    }
    return RC_OK;
}

static void stop_threads(struct engine *s)
{
    op_queue_close(&s->writes);
    if (s->has_committer) {
        pthread_join(s->committer_thread, NULL);
    }
    op_queue_close(&s->reads); /* after the writes: a round's callback may have submitted reads */
    for (int i = 0; i < s->reader_count; i++) {
        pthread_join(s->reader_threads[i], NULL);
    }
}

static void dispose(struct engine *s)
{
    if (s->writer && atomic_load(&s->health) != RC_FATAL) {
        (void)!db_checkpoint(s->writer->db, true, NULL);
    }
    writer_close(s->writer);
    names_dispose(&s->queue_names);
    names_dispose(&s->words);
    if (s->memory_dir) {
        remove_folder(s->memory_dir);
    }
    if (s->lock_fd >= 0) {
        close(s->lock_fd);
    }
    mem_free(s->reader_threads);
    mem_free(s->path);
    mem_free(s->files_dir);
    mem_free(s->ballast_path);
    mem_free(s->memory_dir);
    mem_free(s);
}

static void engine_close(struct store *store)
{
    struct engine *s = (struct engine *)store;
    stop_threads(s);
    dispose(s);
}

/* ---- open */

static enum rc make_files_dir(struct engine *s, struct err *e)
{
    if (mkdir(s->files_dir, 0700) != 0 && errno != EEXIST) {
        return err_from_errno(e, errno, s->files_dir);
    }
    return RC_OK;
}

static enum rc lock(struct engine *s, struct err *e)
{
    char *lock_path = path_joined(s->path, "", ".lock");
    enum rc rc = path_lock(lock_path, &s->lock_fd, e);
    mem_free(lock_path);
    if (!rc) {
        rc = path_check(s, e);
    }
    return rc ? rc : log_check_file(s->path, s->base.options.vfs, e);
}

static enum rc open_for_writing(struct engine *s, struct err *e)
{
    enum rc rc = lock(s, e);
    if (!rc) {
        rc = path_make(s, e);
    }
    if (!rc) {
        rc = writer_open(s, &s->writer, e);
    }
    if (!rc) {
        rc = make_files_dir(s, e);
    }
    if (!rc) {
        rc = artifacts_sweep(s->writer, e);
    }
    if (!rc) {
        space_prepare(s->writer);
        atomic_store(&s->base.grace_at, store_now(&s->base));
    }
    return rc;
}

/* Only to look: names are read once, from a connection that is closed again. */
static enum rc open_for_reading(struct engine *s, struct err *e)
{
    bool is_new = false;
    struct writer look = {.engine = s, .cache_arena = arena_new(), .keeper.scratch = arena_new()};
    enum rc rc = engine_open_db(s, false, &look.db, e);
    if (!rc) {
        rc = migrate_check(look.db, &is_new, e);
    }
    if (!rc && is_new) {
        rc = err_set(e, RC_NOT_FOUND, "the store is empty");
    }
    if (!rc && !s->is_alone) {
        rc = migrate_refuse_copy(look.db, e);
    }
    if (!rc) {
        rc = caches_load(&look, e);
    }
    db_close(look.db);
    caches_dispose(&look);
    arena_free(look.keeper.scratch);
    return rc;
}

static struct engine *engine_new(const struct store_engine *engine, char *path, char *memory_dir,
                                 const struct store_options *options)
{
    struct engine *s = mem_alloc(sizeof *s);
    store_start(&s->base, engine, options);
    s->path = path;
    s->memory_dir = memory_dir;
    s->files_dir = path_joined(path, "", "-files");
    s->ballast_path = memory_dir || options->vfs ? NULL : path_joined(path, "", ".ballast");
    s->lock_fd = -1;
    op_queue_init(&s->writes);
    op_queue_init(&s->reads);
    names_init(&s->queue_names);
    names_init(&s->words);
    return s;
}

static enum rc refuse(struct engine *s, enum rc rc, struct err *e)
{
    err_wrap(e, rc, "store %s", s->path);
    stop_threads(s);
    engine_set_health(s, RC_FATAL); /* a store that could not be opened is not touched at close */
    dispose(s);
    return rc;
}

static enum rc engine_open_at(struct store **out, const struct store_engine *engine, char *path,
                              char *memory_dir, const struct store_options *options, struct err *e)
{
    struct engine *s = engine_new(engine, path, memory_dir, options);
    enum rc rc = sql_load(e);
    if (!rc) {
        rc = options->read_only ? open_for_reading(s, e) : open_for_writing(s, e);
    }
    if (!rc) {
        rc = start_threads(s, e);
    }
    if (rc) {
        return refuse(s, rc, e);
    }
    *out = &s->base;
    return RC_OK;
}

enum rc engine_open_alone(struct engine **out, const char *location, const struct store_options *options,
                          struct err *e)
{
    char *path = NULL;
    enum rc rc = path_absolute(location, options->read_only, &path, e);
    if (rc) {
        return rc;
    }
    struct engine *s = engine_new(&sqlite_engine, path, NULL, options);
    s->is_alone = true;
    rc = sql_load(e);
    if (!rc && options->read_only) {
        rc = access(path, F_OK) == 0 ? lock(s, e) : err_from_errno(e, errno, path);
        rc = rc ? rc : open_for_reading(s, e);
    } else if (!rc) {
        rc = open_for_writing(s, e);
    }
    if (rc) {
        return refuse(s, rc, e);
    }
    *out = s;
    return RC_OK;
}

void engine_close_alone(struct engine *s)
{
    dispose(s);
}

static enum rc open_file(struct store **out, const char *location, const struct store_options *options,
                         struct err *e)
{
    char *path = NULL;
    enum rc rc = path_absolute(location, options->read_only, &path, e);
    return rc ? rc : engine_open_at(out, &sqlite_engine, path, NULL, options, e);
}

static enum rc open_memory(struct store **out, const char *location, const struct store_options *options,
                           struct err *e)
{
    (void)location;
    char folder[] = MEMORY_ROOT "/" MEMORY_PREFIX "XXXXXX";
    remove_abandoned();
    if (!mkdtemp(folder)) {
        return err_from_errno(e, errno, MEMORY_ROOT);
    }
    return engine_open_at(out, &sqlite_memory_engine, path_joined(folder, "/", "store"),
                          mem_c_str(str_from(folder)), options, e);
}

/* ---- the rest of the engine's table */

static void engine_submit(struct store *store, struct store_op *first)
{
    struct engine *s = (struct engine *)store;
    struct store_op *writes = NULL, **last_write = &writes, *reads = NULL, **last_read = &reads;
    for (struct store_op *op = first, *next = NULL; op; op = next) {
        next = op->next;
        op->next = NULL;
        op->items_done = op->items_run = 0;
        struct store_op ***last = store_op_is_write(op->kind) ? &last_write : &last_read;
        **last = op;
        *last = &op->next;
    }
    if (writes && !s->has_committer) {
        struct store_round *r = store_round_new();
        for (struct store_op *op = writes; op; op = op->next) {
            store_answer(op, RC_DENIED, NULL, "the store was opened to look only");
        }
        r->done = writes;
        store_deliver(store, r);
    } else if (writes) {
        op_queue_push(&s->writes, writes);
    }
    if (reads) {
        op_queue_push(&s->reads, reads);
    }
}

static void engine_grace(struct store *store)
{
    atomic_store(&store->grace_at, store_now(store));
}

static const char *engine_files_dir(struct store *store)
{
    return ((struct engine *)store)->files_dir;
}

static enum rc engine_health(struct store *store)
{
    return (enum rc)atomic_load(&((struct engine *)store)->health);
}

const struct store_engine sqlite_engine = {
    .name = "sqlite",
    .open = open_file,
    .close = engine_close,
    .submit = engine_submit,
    .grace = engine_grace,
    .files_dir = engine_files_dir,
    .health = engine_health,
    .copy = &sqlite_copy,
};
const struct store_engine sqlite_memory_engine = {
    "memory", open_memory, NULL, engine_close, engine_submit, engine_grace, engine_files_dir, engine_health,
};
