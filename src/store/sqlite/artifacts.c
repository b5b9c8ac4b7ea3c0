/* artifacts.c: see artifacts.h. */
#include "store/sqlite/artifacts.h"

#include "base/fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* What must happen to a file when the round is over. */
struct file_change {
    const char *path; /* in the round's scratch arena */
    bool on_commit;   /* unlink when committed; else when rolled back */
    struct file_change *next;
};

static void later(struct writer *w, const char *path, bool on_commit)
{
    struct file_change *c = arena_alloc(w->keeper.scratch, sizeof *c);
    *c = (struct file_change){path, on_commit, w->file_changes};
    w->file_changes = c;
}

void artifacts_end_round(struct writer *w, bool is_committed)
{
    for (; w->file_changes; w->file_changes = w->file_changes->next) {
        if (w->file_changes->on_commit == is_committed) {
            (void)unlink(w->file_changes->path); /* what stays is swept at the next start */
        }
    }
}

static const char *path_of(struct writer *w, struct str file)
{
    return arena_printf(w->keeper.scratch, "%s/%.*s", w->engine->files_dir, STR_ARG(file)).p;
}

/* ---- rows */

static enum rc delete_artifact(struct writer *w, int64_t id, struct str file, struct err *e)
{
    if (file.p) {
        later(w, path_of(w, file), true);
    }
    return run_with_id(w->db, SQL_ARTIFACT_DELETE, id, e);
}

struct item {
    int64_t id, lease;
    struct str name;
    struct str file; /* STR_NONE: a row */
};

/* out->id 0: there is none. */
static enum rc find(struct writer *w, int64_t job, struct str name, int64_t lease, struct item *out,
                    struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    *out = (struct item){.lease = lease};
    enum rc rc = stmt(w->db, SQL_ARTIFACT_FIND, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, job);
    db_bind_str(q, 2, name);
    db_bind_int(q, 3, lease);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        out->id = db_int(q, 0);
        out->file = db_is_null(q, 1) ? STR_NONE : arena_str(w->keeper.scratch, db_str(q, 1));
        db_reset(q);
    }
    return rc;
}

bool artifacts_has(struct keeper *k, struct row *r, struct str name)
{
    struct item item = {0};
    int64_t job = sqlite_row_of(r)->ordinal;
    if (!find(writer_of(k), job, name, r->lease, &item, NULL) && item.id) {
        return true;
    }
    return !find(writer_of(k), job, name, 0, &item, NULL) && item.id;
}

static enum rc insert(struct writer *w, const struct sqlite_row *s, const struct artifact *a, struct str file,
                      struct err *e)
{
    struct item old = {0};
    struct db_stmt *q = NULL;
    enum rc rc = find(w, s->ordinal, a->name, s->row.lease, &old, e);
    if (!rc && old.id) {
        rc = delete_artifact(w, old.id, old.file, e);
    }
    if (!rc) {
        rc = stmt(w->db, SQL_ARTIFACT_INSERT, &q, e);
    }
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, s->ordinal);
    db_bind_int(q, 2, s->random);
    db_bind_str(q, 3, a->name);
    db_bind_int(q, 4, s->row.lease);
    db_bind_str(q, 5, a->media_type.p ? a->media_type : STR(""));
    db_bind_blob(q, 6, (struct str){(const char *)a->sha256, sizeof a->sha256});
    db_bind_int(q, 7, a->size);
    db_bind_int(q, 8, w->keeper.now);
    db_bind_str(q, 9, file);
    db_bind_blob(q, 10, file.p ? STR_NONE : a->bytes.p ? a->bytes : STR(""));
    return db_run(q, e);
}

/* ---- all of a job */

static enum rc list(struct writer *w, int64_t job, struct item **out, size_t *count, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    size_t room = 0;
    *count = 0;
    *out = NULL;
    enum rc rc = stmt(w->db, SQL_ARTIFACT_OF_JOB, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, job);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        if (*count == room) {
            struct item *grown = arena_array(w->keeper.scratch, struct item, room ? 2 * room : 16);
            for (size_t i = 0; i < *count; i++) {
                grown[i] = (*out)[i];
            }
            *out = grown;
            room = room ? 2 * room : 16;
        }
        struct str file = db_is_null(q, 3) ? STR_NONE : arena_str(w->keeper.scratch, db_str(q, 3));
        (*out)[(*count)++] =
            (struct item){db_int(q, 0), db_int(q, 2), arena_str(w->keeper.scratch, db_str(q, 1)), file};
    }
    return rc;
}

static enum rc is_in_series(struct writer *w, int64_t artifact, bool *is_held, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_SERIES_OF_ARTIFACT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, artifact);
        rc = db_step(q, is_held, e);
        db_reset(q);
    }
    return rc;
}

/* Instead of one of that name that a last turn has published; that lives on where a series holds it. */
static enum rc publish(struct writer *w, int64_t job, const struct item *item, struct err *e)
{
    struct item old = {0};
    bool is_held = false;
    enum rc rc = find(w, job, item->name, 0, &old, e);
    if (!rc && old.id) {
        rc = is_in_series(w, old.id, &is_held, e);
    }
    if (!rc && old.id) {
        rc = is_held ? run_with_id(w->db, SQL_ARTIFACT_STEP_BACK, old.id, e)
                     : delete_artifact(w, old.id, old.file, e);
    }
    return rc ? rc : run_with_id(w->db, SQL_ARTIFACT_PUBLISH, item->id, e);
}

enum rc artifacts_settle(struct keeper *k, struct row *r, bool is_publishing, struct err *e)
{
    struct writer *w = writer_of(k);
    struct item *items = NULL;
    size_t count = 0;
    enum rc rc = list(w, sqlite_row_of(r)->ordinal, &items, &count, e);
    for (size_t i = 0; i < count && !rc; i++) {
        if (items[i].lease <= 0) {
            continue;
        }
        if (is_publishing && items[i].lease == r->lease) {
            rc = publish(w, sqlite_row_of(r)->ordinal, &items[i], e);
        } else {
            rc = delete_artifact(w, items[i].id, items[i].file, e);
        }
    }
    return rc;
}

enum rc artifacts_remove(struct writer *w, int64_t job, bool keep_series, struct err *e)
{
    struct item *items = NULL;
    size_t count = 0;
    enum rc rc = list(w, job, &items, &count, e);
    for (size_t i = 0; i < count && !rc; i++) {
        bool is_held = false;
        if (keep_series) {
            rc = is_in_series(w, items[i].id, &is_held, e);
        } else {
            rc = run_with_id(w->db, SQL_SERIES_DELETE_ARTIFACT, items[i].id, e);
        }
        if (!rc && !is_held) {
            rc = delete_artifact(w, items[i].id, items[i].file, e);
        }
    }
    return rc;
}

/* ---- series */

static enum rc trim(struct writer *w, int64_t tenant, struct str name, int64_t keep, struct err *e)
{
    struct {
        int64_t entry, artifact;
        struct str file;
        bool has_job;
    } old[64];
    size_t count = 0;
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_SERIES_OLD, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, tenant);
    db_bind_str(q, 2, name);
    db_bind_int(q, 3, keep);
    while (count < sizeof old / sizeof old[0] && !(rc = db_step(q, &has_row, e)) && has_row) {
        old[count].entry = db_int(q, 0);
        old[count].artifact = db_int(q, 1);
        old[count].file = db_is_null(q, 2) ? STR_NONE : arena_str(w->keeper.scratch, db_str(q, 2));
        old[count].has_job = !db_is_null(q, 3);
        count++;
    }
    db_reset(q);
    for (size_t i = 0; i < count && !rc; i++) {
        bool is_held = true;
        rc = run_with_id(w->db, SQL_SERIES_DELETE, old[i].entry, e);
        if (!rc && !old[i].has_job) {
            rc = is_in_series(w, old[i].artifact, &is_held, e);
        }
        if (!rc && !is_held) {
            rc = delete_artifact(w, old[i].artifact, old[i].file, e);
        }
    }
    return rc;
}

enum rc artifacts_publish(struct keeper *k, struct row *r, const struct report_publish *p, struct str result,
                          struct err *e)
{
    struct writer *w = writer_of(k);
    struct item item = {0};
    struct db_stmt *q = NULL;
    enum rc rc = find(w, sqlite_row_of(r)->ordinal, p->artifact, 0, &item, e);
    if (rc || !item.id) {
        return rc;
    }
    rc = stmt(w->db, SQL_SERIES_INSERT, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, r->tenant);
    db_bind_str(q, 2, p->series);
    db_bind_int(q, 3, item.id);
    db_bind_int(q, 4, w->keeper.now);
    db_bind_str(q, 5, result.p ? result : STR(""));
    rc = db_run(q, e);
    return rc ? rc : trim(w, r->tenant, p->series, p->keep, e);
}

/* ---- files */

static enum rc sync_folder(struct writer *w, struct err *e)
{
    int fd = open(w->engine->files_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(e, errno, "files folder");
    }
    bool is_bad = fsync(fd) != 0 || FAULT("store.files.fsync");
    close(fd);
    return is_bad ? err_set(e, RC_FATAL, "files folder: the flush failed") : RC_OK;
}

/* Puts the caller's file under a name of ours by a link, so that both names stand until the round is decided. */
static enum rc link_file(struct writer *w, const char *temp_path, struct str *file, struct err *e)
{
    *file = arena_printf(w->keeper.scratch, "a%016llx", (unsigned long long)random_u64());
    const char *path = path_of(w, *file);
    if (FAULT("store.files.link")) {
        return err_set(e, RC_FULL, "files folder: no space");
    }
    if (link(temp_path, path) != 0) {
        return err_from_errno(e, errno, "artifact file");
    }
    later(w, path, false);
    later(w, temp_path, true);
    return sync_folder(w, e);
}

enum rc artifacts_stage(struct keeper *k, struct row *r, const struct artifact *a, struct err *e)
{
    struct str file = STR_NONE;
    enum rc rc = RC_OK;
    if (a->path.n) {
        rc = link_file(writer_of(k), arena_c_str(k->scratch, a->path), &file, e);
    }
    return rc ? rc : insert(writer_of(k), sqlite_row_of(r), a, file, e);
}

static enum rc sweep_one(struct writer *w, const char *name, struct err *e)
{
    struct db_stmt *q = NULL;
    bool is_known = false;
    enum rc rc = stmt(w->db, SQL_ARTIFACT_HAS_FILE, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_c(q, 1, name);
    rc = db_step(q, &is_known, e);
    db_reset(q);
    if (!rc && !is_known) {
        (void)unlink(path_of(w, str_from(name)));
    }
    return rc;
}

enum rc artifacts_sweep(struct writer *w, struct err *e)
{
    DIR *dir = opendir(w->engine->files_dir);
    if (!dir) {
        return err_from_errno(e, errno, "files folder");
    }
    enum rc rc = RC_OK;
    for (struct dirent *d = readdir(dir); d && !rc; d = readdir(dir)) {
        if (d->d_name[0] != '.') {
            rc = sweep_one(w, d->d_name, e);
        }
    }
    closedir(dir);
    return rc;
}
