/* blobs.c: see blobs.h. */
#include "store/pg/blobs.h"

#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PARTS_AT_ONCE  8
#define CHECK_AFTER_MS 3600000LL /* by then an upload has become an artifact, or never will */

static struct str sha_str(const unsigned char sha256[32])
{
    return (struct str){(const char *)sha256, 32};
}

struct str blob_name(struct arena *a, int64_t tenant, const unsigned char sha256[32])
{
    char hex[2 * 32 + 1];
    hex_encode(sha256, 32, hex);
    return arena_printf(a, "%lld-%s", (long long)tenant, hex);
}

/* Two contents may share a lock: then one waits for the other, no more. */
static int64_t lock_of(int64_t tenant, const unsigned char sha256[32])
{
    int64_t lock;
    memcpy(&lock, sha256, sizeof lock);
    return lock ^ tenant;
}

static enum rc read_full(int fd, char *to, size_t n, size_t *out, struct err *e)
{
    *out = 0;
    while (*out < n) {
        ssize_t got = read(fd, to + *out, n - *out);
        if (got < 0 && errno != EINTR) {
            return err_from_errno(e, errno, "artifact file");
        }
        if (got == 0) {
            break;
        }
        *out += got > 0 ? (size_t)got : 0;
    }
    return RC_OK;
}

/* ---- to the database */

struct upload {
    int64_t tenant;
    struct str sha256;
    struct arena *a;
    int64_t part;
};

static enum rc put_parts(struct committer *w, struct upload *u, struct str bytes, struct err *e)
{
    struct str parts[PARTS_AT_ONCE];
    size_t count = 0;
    struct pg_query q = PG_QUERY(u->a);
    for (size_t at = 0; at < bytes.n; at += BLOB_PART_BYTES) {
        parts[count++] = str_sub(bytes, at, at + BLOB_PART_BYTES);
    }
    pg_bind_int(&q, u->tenant);
    pg_bind_bytes(&q, u->sha256);
    pg_bind_int(&q, u->part);
    pg_bind_blobs(&q, parts, count);
    enum rc rc = pg_run(w->link.c, pg_sql(PG_SQL_BLOB_PUT), &q, NULL, e);
    u->part += (int64_t)count;
    arena_reset(u->a);
    return rc;
}

static enum rc put_file(struct committer *w, struct upload *u, const char *path, struct err *e)
{
    const size_t room = (size_t)PARTS_AT_ONCE * BLOB_PART_BYTES;
    size_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_from_errno(e, errno, "artifact file");
    }
    char *bytes = mem_alloc(room);
    enum rc rc = RC_OK;
    do {
        rc = read_full(fd, bytes, room, &n, e);
        if (!rc && n) {
            rc = put_parts(w, u, (struct str){bytes, n}, e);
        }
    } while (!rc && n == room);
    mem_free(bytes);
    close(fd);
    return rc;
}

/* *tenant 0: the worker may not stage. */
static enum rc look(struct committer *w, const struct store_stage_artifact *op, int64_t *tenant,
                    int64_t *bytes, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_uuid(&q, &op->job);
    pg_bind_int(&q, op->tenant);
    pg_bind_int(&q, op->lease);
    pg_bind_bytes(&q, sha_str(op->artifact.sha256));
    enum rc rc = pg_run(w->link.c, pg_sql(PG_SQL_BLOB_WANTED), &q, &rows, e);
    *tenant = *bytes = 0;
    if (!rc && pg_count(rows)) {
        *tenant = pg_int(rows, 0, 0);
        *bytes = pg_int(rows, 0, 1);
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc add_check(struct committer *w, const struct upload *u, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    pg_bind_int(&q, u->tenant);
    pg_bind_bytes(&q, u->sha256);
    pg_bind_int(&q, w->keeper.now + CHECK_AFTER_MS);
    return pg_run(w->link.c, pg_sql(PG_SQL_BLOB_CHECK_ADD), &q, NULL, e);
}

enum rc blob_upload(struct committer *w, const struct store_stage_artifact *op, struct err *e)
{
    struct upload u = {.sha256 = sha_str(op->artifact.sha256)};
    int64_t bytes = 0;
    if (FAULT("store.files.fsync")) {
        return err_set(e, RC_BUSY, "fault: fsync");
    }
    enum rc rc = look(w, op, &u.tenant, &bytes, e);
    if (rc || !u.tenant || bytes == op->artifact.size) {
        return rc;
    }
    rc = add_check(w, &u, e);
    if (!rc) {
        u.a = arena_new();
        pg_set_deadline(w->link.c, 0); /* many parts: as long as each is answered */
        rc = put_file(w, &u, arena_c_str(w->keeper.scratch, op->artifact.path), e);
        pg_set_deadline(w->link.c, w->until_us);
        arena_free(u.a);
    }
    return rc;
}

enum rc blob_hold(struct committer *w, int64_t tenant, const struct artifact *a, struct err *e)
{
    struct pg_query lock = PG_QUERY(w->keeper.scratch), size = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    if (FAULT("store.files.link")) {
        return err_set(e, RC_FULL, "fault: link");
    }
    pg_bind_int(&lock, lock_of(tenant, a->sha256));
    pg_bind_int(&size, tenant);
    pg_bind_bytes(&size, sha_str(a->sha256));
    enum rc rc = round_ask(w, PG_SQL_BLOB_LOCK, &lock, NULL, e);
    if (!rc) {
        rc = round_ask(w, PG_SQL_BLOB_SIZE, &size, &rows, e);
    }
    if (!rc && pg_int(rows, 0, 0) != a->size) {
        rc = err_set(e, RC_BUSY, "the artifact's contents are being tidied up; send them again");
    }
    pg_rows_free(rows);
    return rc;
}

/* ---- from the database */

struct download {
    int64_t tenant;
    const struct artifact *artifact;
    int fd;
    int64_t part, bytes; /* the next one; what is written */
};

static enum rc get_parts(struct reader *r, struct download *d, struct err *e)
{
    struct pg_query q = PG_QUERY(r->scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, d->tenant);
    pg_bind_bytes(&q, sha_str(d->artifact->sha256));
    pg_bind_int(&q, d->part);
    pg_bind_int(&q, PARTS_AT_ONCE);
    enum rc rc = pg_run(r->link.c, pg_sql(PG_SQL_BLOB_READ), &q, &rows, e);
    size_t count = rc ? 0 : pg_count(rows);
    for (size_t i = 0; i < count && !rc; i++) {
        struct str bytes = pg_str(rows, i, 1);
        rc = pg_int(rows, i, 0) == d->part++ ? buf_write_fd(d->fd, bytes, "files folder", e) : RC_NOT_FOUND;
        d->bytes += (int64_t)bytes.n;
    }
    pg_rows_free(rows);
    return rc ? rc : count ? RC_OK : RC_NOT_FOUND;
}

static enum rc fetch_into(struct reader *r, int64_t tenant, const struct artifact *a, const char *path,
                          struct err *e)
{
    struct download d = {.tenant = tenant, .artifact = a};
    enum rc rc = RC_OK;
    d.fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (d.fd < 0) {
        return err_from_errno(e, errno, "files folder");
    }
    pg_set_deadline(r->link.c, 0); /* many parts: as long as each is answered */
    while (!rc && d.bytes < a->size) {
        rc = get_parts(r, &d, e);
    }
    close(d.fd);
    return rc;
}

enum rc blob_fetch(struct reader *r, int64_t tenant, const struct artifact *a, struct arena *paths,
                   struct str *out, struct err *e)
{
    struct file_cache *cache = &r->engine->cache;
    struct str name = blob_name(r->scratch, tenant, a->sha256);
    struct str path = cache_find(cache, name, paths);
    if (path.p) {
        *out = path;
        return RC_OK;
    }
    const char *temp =
        arena_printf(r->scratch, "%s/fetch-%016llx.tmp", cache->dir, (unsigned long long)random_u64()).p;
    enum rc rc = fetch_into(r, tenant, a, temp, e);
    if (!rc) {
        rc = cache_add(cache, temp, name, e);
    }
    if (rc) {
        (void)unlink(temp);
        return rc == RC_NOT_FOUND ? err_set(e, rc, "the artifact was deleted meanwhile") : rc;
    }
    *out = cache_find(cache, name, paths);
    return out->p ? RC_OK : err_set(e, RC_BUSY, "the files folder was emptied meanwhile");
}

/* ---- contents that nobody names */

static enum rc next_check(struct committer *w, int64_t *tenant, unsigned char sha256[32], bool *found,
                          struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, w->keeper.now);
    enum rc rc = round_ask(w, PG_SQL_BLOB_CHECK_NEXT, &q, &rows, e);
    *found = !rc && pg_count(rows) && pg_str(rows, 0, 1).n == 32;
    if (*found) {
        *tenant = pg_int(rows, 0, 0);
        memcpy(sha256, pg_str(rows, 0, 1).p, 32);
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc try_lock(struct committer *w, int64_t lock, bool *is_ours, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, lock);
    enum rc rc = round_ask(w, PG_SQL_BLOB_TRY_LOCK, &q, &rows, e);
    *is_ours = !rc && pg_bool(rows, 0, 0);
    pg_rows_free(rows);
    return rc;
}

static enum rc expire(struct committer *w, int64_t tenant, struct str sha256, int64_t parts, int64_t *gone,
                      struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, tenant);
    pg_bind_bytes(&q, sha256);
    pg_bind_int(&q, parts);
    enum rc rc = round_ask(w, PG_SQL_BLOB_EXPIRE, &q, &rows, e);
    *gone = rc ? 0 : pg_affected(rows);
    pg_rows_free(rows);
    return rc;
}

enum rc blob_sweep(struct committer *w, int64_t parts, bool *more, struct err *e)
{
    unsigned char sha256[32] = {0};
    int64_t tenant = 0, gone = 0;
    bool found = false, is_ours = false;
    *more = false;
    enum rc rc = next_check(w, &tenant, sha256, &found, e);
    if (rc || !found) {
        return rc;
    }
    rc = try_lock(w, lock_of(tenant, sha256), &is_ours, e);
    if (rc || !is_ours) { /* somebody needs them just now: the next time */
        return rc;
    }
    rc = expire(w, tenant, sha_str(sha256), parts, &gone, e);
    if (gone) {
        cache_remove(&w->engine->cache, blob_name(w->keeper.scratch, tenant, sha256));
    }
    *more = true;
    if (rc || gone == parts) {
        return rc;
    }
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    pg_bind_int(&q, tenant);
    pg_bind_bytes(&q, sha_str(sha256));
    pg_bind_int(&q, w->keeper.now);
    return round_ask(w, PG_SQL_BLOB_CHECK_DONE, &q, NULL, e);
}
