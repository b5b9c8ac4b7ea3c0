/* pg_resolve.c: see pg_resolve.h. */
#include "db/pg_resolve.h"

#include "db/pg_private.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOKUPS_MAX 16
#define NAME_BYTES  256

struct lookup {
    struct lookup *next;
    char host[NAME_BYTES];
    enum rc (*look_up)(const char *host, struct pg_addresses *out, struct err *e);
    int over_fd; /* readable when it is over; nobody reads it */
    int users;   /* those who wait, and its thread */
    bool is_over;
    enum rc rc;
    struct pg_addresses found;
    struct err e;
};

static struct {
    pthread_mutex_t lock;
    struct lookup *first; /* those under way */
    int count;
} lookups = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool pg_is_name(const char *host)
{
    unsigned char address[16];
    return host && *host && *host != '/' && *host != '@' && !strchr(host, ':') &&
           inet_pton(AF_INET, host, address) != 1;
}

static enum rc ask_libc(const char *host, struct pg_addresses *out, struct err *e)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(host, NULL, &hints, &list);
    for (const struct addrinfo *a = code ? NULL : list; a && out->count < PG_ADDRESSES_MAX; a = a->ai_next) {
        code = getnameinfo(a->ai_addr, a->ai_addrlen, out->text[out->count], sizeof out->text[0], NULL, 0,
                           NI_NUMERICHOST);
        out->count += code == 0;
    }
    if (list) {
        freeaddrinfo(list);
    }
    return out->count ? RC_OK
                      : err_set(e, RC_BUSY,
                                "postgresql: could not translate host name \"%s\" to address: %s"
                                ": is the server up, and are host and port right?",
                                host, gai_strerror(code));
}

/* ---- one lookup. Under the lock. */

static void leave(struct lookup *l)
{
    if (--l->users == 0) {
        close(l->over_fd);
        mem_free(l);
    }
}

static void end(struct lookup *l)
{
    struct lookup **at = &lookups.first;
    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    lookups.count--;
    l->is_over = true;
    (void)!eventfd_write(l->over_fd, 1);
}

static void *run(void *lookup)
{
    struct lookup *l = lookup;
    l->rc = l->look_up(l->host, &l->found, &l->e);
    pthread_mutex_lock(&lookups.lock);
    end(l);
    leave(l);
    pthread_mutex_unlock(&lookups.lock);
    return NULL;
}

static struct lookup *begin(const char *host,
                            enum rc (*look_up)(const char *, struct pg_addresses *, struct err *))
{
    struct lookup *l = mem_alloc(sizeof *l);
    pthread_t thread;
    *l = (struct lookup){.look_up = look_up, .users = 1, .over_fd = eventfd(0, EFD_CLOEXEC)};
    str_copy(l->host, sizeof l->host, str_from(host));
    if (l->over_fd < 0 || pthread_create(&thread, NULL, run, l) != 0) {
        leave(l);
        return NULL;
    }
    pthread_detach(thread);
    l->next = lookups.first;
    lookups.first = l;
    lookups.count++;
    return l;
}

static struct lookup *join(const char *host,
                           enum rc (*look_up)(const char *, struct pg_addresses *, struct err *))
{
    struct lookup *l = lookups.first;
    while (l && (l->look_up != look_up || strcmp(l->host, host) != 0)) {
        l = l->next;
    }
    l = l ? l : lookups.count < LOOKUPS_MAX ? begin(host, look_up) : NULL;
    if (l) {
        l->users++;
    }
    return l;
}

/* ---- waiting for it */

static bool wait_over(const struct lookup *l, int64_t deadline, int stop_fd)
{
    struct pollfd fds[2] = {{.fd = l->over_fd, .events = POLLIN},
                            {.fd = stop_fd > 0 ? stop_fd : -1, .events = POLLIN}};
    for (int64_t left = 1; left > 0 && !fds[0].revents && !fds[1].revents;) {
        left = deadline - pg_now_ms();
        (void)poll(fds, 2, left > 0 ? (int)left : 0);
    }
    return fds[1].revents != 0;
}

enum rc pg_resolve(const char *host, const struct pg_options *o, int64_t deadline, struct pg_addresses *out,
                   struct err *e)
{
    if (strlen(host) >= NAME_BYTES) {
        return err_set(e, RC_BUSY, "postgresql: the name of a host is too long");
    }
    pthread_mutex_lock(&lookups.lock);
    struct lookup *l = join(host, o->look_up ? o->look_up : ask_libc);
    pthread_mutex_unlock(&lookups.lock);
    if (!l) {
        return err_set(e, RC_BUSY, "postgresql: %s: too many names are being looked up", host);
    }
    bool is_stopped = wait_over(l, deadline, o->stop_fd);
    enum rc rc = RC_OK;
    pthread_mutex_lock(&lookups.lock);
    if (!l->is_over) {
        rc = err_set(e, RC_BUSY, "postgresql: %s: %s", host,
                     is_stopped ? "told to stop" : "no name server has told its address in time");
    } else if (!l->rc) {
        *out = l->found;
    } else {
        rc = l->rc;
        if (e) {
            *e = l->e;
        }
    }
    leave(l);
    pthread_mutex_unlock(&lookups.lock);
    return rc;
}
