/* due.c: see due.h. */
#include "store/pg/due.h"

#include "base/clock.h"

#include <stddef.h>

#define SLACK_MS      2000  /* from the making of a due time to its commit */
#define DEAR_US       20000 /* a reading, apart from what it met */
#define MET_US        50
#define DEAR_READINGS 5 /* in a row: not the machine's mood */
#define COST_TIMES    20
#define LOOK_US       1000000

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void due_init(struct due *d)
{
    *d = (struct due){.told = 0};
    pthread_mutex_init(&d->lock, NULL);
}

/* ---- under the lock */

static int64_t to_tell(const struct due *d)
{
    return !d->wished_at ? d->told : d->told ? least(d->told, d->wished_at) : d->wished_at;
}

static void open_reading(struct due *d, struct due_reading *r)
{
    r->noted = INT64_MAX;
    r->is_open = true;
    r->next = d->readings;
    d->readings = r;
}

static void close_reading(struct due *d, struct due_reading *r)
{
    struct due_reading **at = &d->readings;
    while (*at != r) {
        at = &(*at)->next;
    }
    *at = r->next;
    r->is_open = false;
}

static void note(struct due *d, int64_t due_at)
{
    d->floor = least(d->floor, due_at);
    d->seen = least(d->seen, due_at);
    d->told = d->told ? least(d->told, due_at) : due_at;
    for (struct due_reading *r = d->readings; r; r = r->next) {
        r->noted = least(r->noted, due_at);
    }
}

static void see_until(struct due *d, const struct due_reading *r, int64_t until)
{
    d->seen = least(until, r->noted);
    if (r->is_full) {
        d->looked_at_us = clock_mono_us();
        d->cost_us = r->cost_us ? r->cost_us : d->looked_at_us - r->began_us;
        d->dear_readings = d->is_unhurried || d->cost_us < DEAR_US ? 0 : d->dear_readings + 1;
        d->was_asked = false;
    }
}

/* ---- readings */

void due_begin(struct due *d, struct due_reading *r)
{
    *r = (struct due_reading){.is_open = true};
    pthread_mutex_lock(&d->lock);
    r->from = d->floor;
    open_reading(d, r);
    pthread_mutex_unlock(&d->lock);
}

static bool is_crowded(const struct due *d)
{
    return d->dear_readings >= DEAR_READINGS;
}

static bool is_time(const struct due *d, int64_t now_us)
{
    int64_t wait_us = COST_TIMES * d->cost_us > LOOK_US ? COST_TIMES * d->cost_us : LOOK_US;
    return !d->looked_at_us || now_us - d->looked_at_us >= wait_us;
}

void due_begin_whole(struct due *d, struct due_reading *r, int64_t now)
{
    *r = (struct due_reading){.is_whole = true, .now = now, .began_us = clock_mono_us()};
    pthread_mutex_lock(&d->lock);
    r->is_full = !is_crowded(d);
    r->from = r->is_full ? 0 : least(d->seen, d->floor);
    d->was_asked = true;
    open_reading(d, r);
    pthread_mutex_unlock(&d->lock);
}

void due_answered(struct due_reading *r, int64_t met)
{
    int64_t cost_us = clock_mono_us() - r->began_us - MET_US * met;
    r->cost_us = cost_us > 1 ? cost_us : 1;
}

bool due_begin_full(struct due *d, struct due_reading *r, int64_t now)
{
    *r = (struct due_reading){.is_whole = true, .is_full = true, .now = now, .began_us = clock_mono_us()};
    pthread_mutex_lock(&d->lock);
    bool is_due = d->was_asked && is_crowded(d) && is_time(d, r->began_us);
    if (is_due) {
        open_reading(d, r);
    }
    pthread_mutex_unlock(&d->lock);
    return is_due;
}

int64_t due_end(struct due *d, struct due_reading *r, int64_t found)
{
    pthread_mutex_lock(&d->lock);
    close_reading(d, r);
    if (r->is_whole) {
        see_until(d, r, found ? least(found, r->now - SLACK_MS) : r->now - SLACK_MS);
    }
    d->floor = least(found ? found : INT64_MAX, r->noted);
    d->told = d->floor == INT64_MAX ? 0 : d->floor;
    int64_t told = to_tell(d);
    pthread_mutex_unlock(&d->lock);
    return told;
}

void due_end_tick(struct due *d, struct due_reading *r, int64_t until)
{
    pthread_mutex_lock(&d->lock);
    close_reading(d, r);
    see_until(d, r, until - SLACK_MS);
    pthread_mutex_unlock(&d->lock);
}

void due_cancel(struct due *d, struct due_reading *r)
{
    pthread_mutex_lock(&d->lock);
    if (r->is_open) {
        close_reading(d, r);
    }
    pthread_mutex_unlock(&d->lock);
}

/* ---- what is known */

int64_t due_note(struct due *d, int64_t due_at)
{
    pthread_mutex_lock(&d->lock);
    if (due_at > 0) {
        note(d, due_at);
    }
    int64_t told = to_tell(d);
    pthread_mutex_unlock(&d->lock);
    return told;
}

int64_t due_told(struct due *d)
{
    return due_note(d, 0);
}

int64_t due_wish(struct due *d, int64_t now)
{
    pthread_mutex_lock(&d->lock);
    d->wished_at = d->wished_at ? d->wished_at : now;
    int64_t told = to_tell(d);
    pthread_mutex_unlock(&d->lock);
    return told;
}

bool due_take_wish(struct due *d)
{
    pthread_mutex_lock(&d->lock);
    bool had = d->wished_at != 0;
    d->wished_at = 0;
    pthread_mutex_unlock(&d->lock);
    return had;
}
