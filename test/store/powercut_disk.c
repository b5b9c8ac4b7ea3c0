/* powercut_disk.c: see powercut_vfs.h: the disk itself, without a word of SQLite.
 *
 *   name ──live────> inode { live bytes, durable bytes, pending writes and truncations in order }
 *        └─durable─> inode (another one, when the folder was not flushed since the name changed)
 *
 * A flush moves the inode's pending list into its durable bytes. A cut picks, for each name, one of its two inodes, and
 * for each pending operation of that inode what became of it. Sectors are 512 bytes and we promise nothing about them
 * (no atomic writes, no powersafe overwrite): a damaged sector takes its neighbours' bytes with it. */
#include "powercut_disk.h"

#include "base/arena.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define NAMES_MAX 64

struct pending { /* data == NULL: a truncation to `at` */
    int64_t at, n;
    uint8_t *data;
    struct pending *next;
};

struct name {
    char text[DISK_NAME_BYTES];
    struct inode *live, *durable;
};

static struct disk {
    pthread_mutex_t lock;
    struct name names[NAMES_MAX];
    size_t name_count;
    uint64_t random;
    int64_t cut_in; /* calls until the cut; -1 = none planned */
    bool is_dark, is_overwrite_unsafe;
    enum cut_model model;
    unsigned fail_calls;
    int64_t fail_in; /* 0 = none planned */
    enum disk_failure failure;
    bool is_lasting, has_failed;
    int64_t room, reserve; /* room -1 = endless */
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .cut_in = -1, .room = -1};

static uint64_t next_random(void)
{
    uint64_t x = disk.random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static bool chance(unsigned percent)
{
    return next_random() % 100 < percent;
}

/* ---- bytes and inodes */

static void bytes_resize(struct bytes *b, int64_t n)
{
    if (n > b->cap) {
        b->cap = n * 2;
        b->p = mem_grow(b->p, (size_t)b->cap);
    }
    if (n > b->n) {
        memset(b->p + b->n, 0, (size_t)(n - b->n));
    }
    b->n = n;
}

static void bytes_write(struct bytes *b, int64_t at, const uint8_t *data, int64_t n)
{
    if (at + n > b->n) {
        bytes_resize(b, at + n);
    }
    if (n > 0) {
        memcpy(b->p + at, data, (size_t)n);
    }
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
    to->n = 0;
    bytes_write(to, 0, from->p, from->n);
}

static void forget_pending(struct inode *i)
{
    while (i->first) {
        struct pending *p = i->first;
        i->first = p->next;
        mem_free(p->data);
        mem_free(p);
    }
    i->last = &i->first;
}

static void add_pending(struct inode *i, int64_t at, const void *data, int64_t n)
{
    struct pending *p = mem_alloc(sizeof *p);
    p->at = at;
    p->n = n;
    if (data) {
        p->data = mem_alloc((size_t)n + 1);
        memcpy(p->data, data, (size_t)n);
    }
    *i->last = p;
    i->last = &p->next;
}

static void inode_drop_unused(struct inode *i)
{
    if (!i || i->opened || i->named) {
        return;
    }
    forget_pending(i);
    mem_free(i->live.p);
    mem_free(i->durable.p);
    for (int r = 0; r < DISK_SHM_REGIONS; r++) {
        mem_free(i->shm[r]);
    }
    mem_free(i);
}

static void name_point(struct inode **slot, struct inode *to)
{
    struct inode *old = *slot;
    if (to) {
        to->named++;
    }
    *slot = to;
    if (old) {
        old->named--;
        inode_drop_unused(old);
    }
}

static struct name *name_find(const char *text)
{
    for (size_t i = 0; i < disk.name_count; i++) {
        if (!strcmp(disk.names[i].text, text)) {
            return &disk.names[i];
        }
    }
    return NULL;
}

static struct name *name_get(const char *text)
{
    struct name *n = name_find(text);
    if (!n) {
        assert(disk.name_count < NAMES_MAX && strlen(text) < DISK_NAME_BYTES);
        n = &disk.names[disk.name_count++];
        memset(n, 0, sizeof *n);
        str_copy(n->text, sizeof n->text, str_from(text));
    }
    return n;
}

static void flush_folders(void)
{
    for (size_t i = 0; i < disk.name_count; i++) {
        name_point(&disk.names[i].durable, disk.names[i].live);
    }
}

static void flush_inode(struct inode *i)
{
    for (struct pending *p = i->first; p; p = p->next) {
        if (p->data) {
            bytes_write(&i->durable, p->at, p->data, p->n);
        } else {
            bytes_resize(&i->durable, p->at);
        }
    }
    forget_pending(i);
}

/* ---- the cut */

static void damage_sector(struct bytes *b, int64_t at)
{
    for (int64_t i = at; i < at + DISK_SECTOR_BYTES && i < b->n; i++) {
        b->p[i] = (uint8_t)next_random();
    }
}

/* What became of one write: each sector that it touches has a fate of its own. */
static void tear_write(struct bytes *b, const struct pending *p)
{
    int64_t end = p->at + p->n;
    for (int64_t sector = p->at - p->at % DISK_SECTOR_BYTES; sector < end; sector += DISK_SECTOR_BYTES) {
        int64_t from = sector > p->at ? sector : p->at;
        int64_t to = sector + DISK_SECTOR_BYTES < end ? sector + DISK_SECTOR_BYTES : end;
        if (chance(50)) {
            bytes_write(b, from, p->data + (from - p->at), to - from);
        } else if (disk.model == CUT_GARBAGE && chance(50)) {
            bytes_write(b, from, p->data + (from - p->at), to - from);
            damage_sector(b, sector);
        }
    }
}

static void survive(struct inode *i, unsigned kept_percent)
{
    for (struct pending *p = i->first; p; p = p->next) {
        if (!p->data) {
            if (chance(kept_percent)) {
                bytes_resize(&i->durable, p->at);
            }
        } else if (disk.model != CUT_DROP) {
            tear_write(&i->durable, p);
        } else if (chance(kept_percent)) {
            bytes_write(&i->durable, p->at, p->data, p->n);
        }
    }
    forget_pending(i);
    bytes_copy(&i->live, &i->durable);
}

void powercut_restore(void)
{
    static const unsigned kept[] = {0, 50, 90};
    pthread_mutex_lock(&disk.lock);
    unsigned kept_percent = kept[next_random() % 3];
    for (size_t i = 0; i < disk.name_count; i++) {
        struct name *n = &disk.names[i];
        struct inode *kept_inode = chance(kept_percent) ? n->live : n->durable;
        if (kept_inode) {
            assert(!kept_inode->opened);
            survive(kept_inode, kept_percent);
        }
        name_point(&n->durable, kept_inode);
        name_point(&n->live, kept_inode);
    }
    disk.cut_in = -1;
    disk.is_dark = false;
    pthread_mutex_unlock(&disk.lock);
}

void powercut_format(uint64_t seed)
{
    pthread_mutex_lock(&disk.lock);
    for (size_t i = 0; i < disk.name_count; i++) {
        name_point(&disk.names[i].live, NULL);
        name_point(&disk.names[i].durable, NULL);
    }
    disk.name_count = 0;
    disk.random = seed;
    disk.cut_in = -1;
    disk.fail_in = 0;
    disk.room = -1;
    disk.is_overwrite_unsafe = false;
    disk.is_dark = disk.is_lasting = disk.has_failed = false;
    pthread_mutex_unlock(&disk.lock);
}

void powercut_overwrite_is_safe(bool is_safe)
{
    pthread_mutex_lock(&disk.lock);
    disk.is_overwrite_unsafe = !is_safe;
    pthread_mutex_unlock(&disk.lock);
}

void powercut_arm(int64_t calls, enum cut_model model)
{
    pthread_mutex_lock(&disk.lock);
    disk.cut_in = calls;
    disk.model = model;
    pthread_mutex_unlock(&disk.lock);
}

bool powercut_is_dark(void)
{
    pthread_mutex_lock(&disk.lock);
    bool is_dark = disk.is_dark;
    pthread_mutex_unlock(&disk.lock);
    return is_dark;
}

void powercut_fail(unsigned calls, int64_t n, enum disk_failure failure, bool is_lasting)
{
    pthread_mutex_lock(&disk.lock);
    disk.fail_calls = calls;
    disk.fail_in = n;
    disk.failure = failure;
    disk.is_lasting = is_lasting;
    disk.has_failed = false;
    pthread_mutex_unlock(&disk.lock);
}

void powercut_fill(int64_t room, int64_t reserve)
{
    pthread_mutex_lock(&disk.lock);
    disk.room = room;
    disk.reserve = reserve;
    pthread_mutex_unlock(&disk.lock);
}

bool powercut_failed(void)
{
    pthread_mutex_lock(&disk.lock);
    bool has_failed = disk.has_failed;
    pthread_mutex_unlock(&disk.lock);
    return has_failed;
}

void disk_lock(void)
{
    pthread_mutex_lock(&disk.lock);
}

void disk_unlock(void)
{
    pthread_mutex_unlock(&disk.lock);
}

bool disk_is_dark(void)
{
    return disk.is_dark;
}

bool disk_overwrite_is_safe(void)
{
    return !disk.is_overwrite_unsafe;
}

enum disk_outcome disk_count(enum disk_call call)
{
    static const enum disk_outcome outcomes[] = {
        [DISK_EIO] = DISK_FAILED, [DISK_FULL] = DISK_NO_SPACE, [DISK_SHORT] = DISK_HALF};
    if (disk.is_dark) {
        return DISK_FAILED;
    }
    if (disk.cut_in >= 0 && disk.cut_in-- == 0) {
        disk.is_dark = true;
        return DISK_FAILED;
    }
    if (disk.fail_in <= 0 || !(disk.fail_calls & call)) {
        return DISK_DONE;
    }
    if (disk.fail_in > 1) {
        disk.fail_in--;
        return DISK_DONE;
    }
    disk.fail_in = disk.is_lasting ? 1 : 0;
    disk.has_failed = true;
    return outcomes[disk.failure];
}

/* Room for a file that grows by so much. */
static enum disk_outcome take_room(int64_t growth)
{
    if (disk.room < 0 || growth <= 0) {
        return DISK_DONE;
    }
    if (growth <= disk.room) {
        disk.room -= growth;
        return DISK_DONE;
    }
    disk.has_failed = true;
    disk.room += disk.reserve;
    disk.reserve = 0;
    return DISK_NO_SPACE;
}

/* ---- what the VFS asks for, with the lock held */

enum disk_outcome inode_write(struct inode *i, int64_t at, const void *data, int64_t n)
{
    enum disk_outcome o = disk_count(DISK_WRITE);
    o = o == DISK_DONE ? take_room(at + n - i->live.n) : o;
    int64_t written = o == DISK_DONE ? n : o == DISK_HALF ? n / 2 : 0;
    if (written) {
        bytes_write(&i->live, at, data, written);
        add_pending(i, at, data, written);
    }
    return o;
}

enum disk_outcome inode_truncate(struct inode *i, int64_t n)
{
    enum disk_outcome o = disk_count(DISK_TRUNCATE);
    if (o == DISK_DONE) {
        bytes_resize(&i->live, n);
        add_pending(i, n, NULL, 0);
    }
    return o;
}

enum disk_outcome inode_flush(struct inode *i, bool with_folder)
{
    enum disk_outcome o = disk_count(DISK_SYNC);
    if (o == DISK_DONE) {
        flush_inode(i);
        if (with_folder) {
            flush_folders();
        }
    }
    return o;
}

int64_t inode_read(const struct inode *i, int64_t at, void *to, int64_t n)
{
    int64_t there = at < i->live.n ? i->live.n - at : 0;
    there = there < n ? there : n;
    if (there) {
        memcpy(to, i->live.p + at, (size_t)there);
    }
    memset((char *)to + there, 0, (size_t)(n - there));
    return there;
}

struct inode *disk_open(const char *path, bool may_create)
{
    struct name *name = path ? name_get(path) : NULL; /* no path: a temporary file */
    struct inode *i = name ? name->live : NULL;
    if (!i && name && !may_create) {
        return NULL;
    }
    if (!i) {
        i = mem_alloc(sizeof *i);
        i->last = &i->first;
    }
    if (name && !name->live) {
        name_point(&name->live, i);
    }
    i->opened++;
    return i;
}

void disk_close(struct inode *i)
{
    i->opened--;
    inode_drop_unused(i);
}

bool disk_delete(const char *path, bool with_folder)
{
    struct name *name = name_find(path);
    if (!name || !name->live) {
        return false;
    }
    name_point(&name->live, NULL);
    if (with_folder) {
        flush_folders();
    }
    return true;
}

struct inode *disk_find(const char *path)
{
    struct name *name = name_find(path);
    return name ? name->live : NULL;
}
