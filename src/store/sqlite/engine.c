/* engine.c: opens and closes a SQLite store: the lock, the folder of files, the connections, the threads. */
#include "store/sqlite/artifacts.h"
#include "store/sqlite/log_check.h"

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

static char *joined(const char *a, const char *middle, const char *b)
{
    char text[PATH_MAX + 64];
    str_print(text, sizeof text, "%s%s%s", a, middle, b);
    return mem_c_str(str_from(text));
}

/* ---- paths */

/* Makes the last folder of the path when it is missing, and makes sure that a power cut does not take it away again. */
static enum rc make_folder(const char *folder, struct err *e)
{
    char above[PATH_MAX + 8];
    if (mkdir(folder, 0700) != 0) {
        return errno == EEXIST ? RC_OK : err_from_errno(e, errno, folder);
    }
    str_print(above, sizeof above, "%s/..", folder);
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        enum rc rc = err_from_errno(e, errno, above);
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    close(fd);
    return RC_OK;
}

/* The file need not exist, nor, when it is to be made, its folder. A symbolic link is followed: the lock lies beside the file
 * itself, whatever name a server was given for it. */
static enum rc absolute_path(const char *path, bool is_to_look, char **out, struct err *e)
{
    char folder[PATH_MAX], real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct stat link;
    if (lstat(path, &link) == 0 && S_ISLNK(link.st_mode)) {
        if (!realpath(path, real)) {
            return err_from_errno(e, errno, path);
        }
        *out = joined(real, "", "");
        return RC_OK;
    }
    if (strlen(path) >= sizeof folder) {
        return err_set(e, RC_INVALID, "store: the path is too long");
    }
    str_copy(folder, sizeof folder, slash ? (struct str){path, (size_t)(slash - path) + 1} : STR("."));
    enum rc rc = slash && !is_to_look ? make_folder(folder, e) : RC_OK;
    if (rc) {
        return rc;
    }
    if (!realpath(folder, real)) {
        return err_from_errno(e, errno, folder);
    }
    *out = joined(real, "/", slash ? slash + 1 : path);
    return RC_OK;
}

static enum rc lock_file(const char *path, int *out, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_from_errno(e, errno, path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return err_set_code(e, RC_BUSY, "store_in_use", NULL,
                            "another server holds this store (%s is locked)", path);
    }
    *out = fd;
    return RC_OK;
}

/* What can be told before the file is opened. */
static enum rc check_file(const struct engine *s, struct err *e)
{
    struct stat file, ballast;
    if (stat(s->path, &file) != 0 || !S_ISREG(file.st_mode)) {
        return RC_OK; /* not there yet; or db_open tells */
    }
    if (file.st_nlink > 1) { /* each name has a lock and a log of its own */
        return err_set(e, RC_INVALID,
                       "the file has another name too (a hard link): two servers could own it");
    }
    if (file.st_size == 0 && s->ballast_path && stat(s->ballast_path, &ballast) == 0) {
        return err_set(
            e, RC_FATAL,
            "the store is damaged: it is empty, but was not (remove %s to begin with an empty one)",
            s->ballast_path);
    }
    return RC_OK;
}

/* For its owner only, and by that its log: SQLite would make both readable for all. */
static enum rc make_file(const struct engine *s, struct err *e)
{
    int fd = s->base.options.vfs ? -1 : open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    } else if (!s->base.options.vfs && errno != EEXIST) {
        return err_from_errno(e, errno, s->path);
    }
    return RC_OK;
}

/* ---- memory: a private folder in /dev/shm, removed at close; what a killed process left is removed by the next one. */

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        char *inner = joined(path, "/", d->d_name);
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
        char *folder = joined(MEMORY_ROOT, "/", d->d_name);
        char *lock = joined(folder, "/", "store.lock");
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

static enum rc open_for_writing(struct engine *s, struct err *e)
{
    char *lock_path = joined(s->path, "", ".lock");
    enum rc rc = lock_file(lock_path, &s->lock_fd, e);
    mem_free(lock_path);
    if (!rc) {
        rc = check_file(s, e);
    }
    if (!rc) {
        rc = log_check_file(s->path, s->base.options.vfs, e);
    }
    if (!rc) {
        rc = make_file(s, e);
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
    struct writer look = {.engine = s, .cache_arena = arena_new()};
    enum rc rc = engine_open_db(s, false, &look.db, e);
    if (!rc) {
        rc = migrate_check(look.db, &is_new, e);
    }
    if (!rc && is_new) {
        rc = err_set(e, RC_NOT_FOUND, "the store is empty");
    }
    if (!rc) {
        rc = caches_load(&look, e);
    }
    db_close(look.db);
    caches_dispose(&look);
    return rc;
}

static enum rc engine_open_at(struct store **out, const struct store_engine *engine, char *path,
                              char *memory_dir, const struct store_options *options, struct err *e)
{
    struct engine *s = mem_alloc(sizeof *s);
    store_start(&s->base, engine, options);
    s->path = path;
    s->memory_dir = memory_dir;
    s->files_dir = joined(path, "", "-files");
    s->ballast_path = memory_dir || options->vfs ? NULL : joined(path, "", ".ballast");
    s->lock_fd = -1;
    op_queue_init(&s->writes);
    op_queue_init(&s->reads);
    names_init(&s->queue_names);
    names_init(&s->words);
    enum rc rc = sql_load(e);
    if (!rc) {
        rc = options->read_only ? open_for_reading(s, e) : open_for_writing(s, e);
    }
    if (!rc) {
        rc = start_threads(s, e);
    }
    if (rc) {
        err_wrap(e, rc, "store %s", path);
        stop_threads(s);
        engine_set_health(s, RC_FATAL); /* a store that could not be opened is not touched at close */
        dispose(s);
        return rc;
    }
    *out = &s->base;
    return RC_OK;
}

static enum rc open_file(struct store **out, const char *location, const struct store_options *options,
                         struct err *e)
{
    char *path = NULL;
    enum rc rc = absolute_path(location, options->read_only, &path, e);
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
    return engine_open_at(out, &sqlite_memory_engine, joined(folder, "/", "store"),
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
    "sqlite", open_file, NULL, engine_close, engine_submit, engine_grace, engine_files_dir, engine_health,
};
const struct store_engine sqlite_memory_engine = {
    "memory", open_memory, NULL, engine_close, engine_submit, engine_grace, engine_files_dir, engine_health,
};
