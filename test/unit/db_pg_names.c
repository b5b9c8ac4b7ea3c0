/* db/pg.h and the names of hosts: name servers that say nothing, and names with several addresses of which one does not answer. */
#include "db/pg_dsn.h"
#include "pg_rig.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- servers: both listen at the same port, at an address of their own */

#define SILENT "127.0.0.2"
#define FAKE   "127.0.0.1"

struct servers {
    int silent_fd, fake_fd, port;
    pthread_t thread;
};

static int listen_at(const char *address, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(inet_pton(AF_INET, address, &at.sin_addr), 1);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_in at;
    socklen_t bytes = sizeof at;
    CHECK_INT(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
    return ntohs(at.sin_port);
}

/* Refuses whoever comes, in the words of a server. */
static void *refuse_all(void *servers)
{
    static const char text[] = "SFATAL\0VFATAL\0C57P03\0Mhere I am\0";
    struct servers *s = servers;
    const uint32_t bytes = htonl(4 + sizeof text);
    for (int fd = 0; (fd = accept(s->fake_fd, NULL, NULL)) >= 0; close(fd)) {
        char hello[512];
        (void)!read(fd, hello, sizeof hello);
        (void)!write(fd, "E", 1);
        (void)!write(fd, &bytes, sizeof bytes);
        (void)!write(fd, text, sizeof text);
    }
    return NULL;
}

static struct servers start_servers(void)
{
    struct servers s = {.silent_fd = -1, .fake_fd = -1};
    for (int i = 0; i < 20 && s.fake_fd < 0; i++) {
        close(s.silent_fd);
        s.silent_fd = listen_at(SILENT, 0);
        s.port = port_of(s.silent_fd);
        s.fake_fd = listen_at(FAKE, s.port);
    }
    CHECK_TRUE(s.fake_fd >= 0);
    return s;
}

static void stop_servers(struct servers *s)
{
    CHECK_INT(shutdown(s->fake_fd, SHUT_RDWR), 0);
    pthread_join(s->thread, NULL);
    close(s->fake_fd);
    close(s->silent_fd);
}

static const char *dsn_of(const struct servers *s, const char *hosts)
{
    static char dsn[300];
    str_print(dsn, sizeof dsn, "postgresql://u:hunter2@/x?host=%s&port=%d&sslmode=disable&gssencmode=disable",
              hosts, s->port);
    return dsn;
}

static bool holds(const struct err *e, const char *part)
{
    return strstr(e->text, part) != NULL;
}

/* ---- several addresses */

static enum rc know_two(const char *host, struct pg_addresses *out, struct err *e)
{
    (void)host;
    (void)e;
    *out = (struct pg_addresses){.text = {SILENT, FAKE}, .count = 2};
    return RC_OK;
}

TEST(a_silent_address_of_a_name_leaves_time_for_the_next_one)
{
    const struct pg_options o = {.connect_ms = 60000, .open_ms = 2000, .look_up = know_two};
    struct servers s = start_servers();
    struct pg *c = NULL;
    CHECK_INT(pthread_create(&s.thread, NULL, refuse_all, &s), 0);
    FAILS(pg_open(&c, dsn_of(&s, "db.example"), &o, e), RC_BUSY);
    CHECK_TRUE(holds(e, SILENT) && holds(e, "no connection in time"));
    CHECK_TRUE(holds(e, "here I am"));
    CHECK_TRUE(holds(e, "db.example:") && holds(e, " (" FAKE "): "));
    stop_servers(&s);
}

TEST(each_host_gets_its_share_of_the_time)
{
    const struct pg_options o = {.connect_ms = 60000, .open_ms = 2000};
    struct servers s = start_servers();
    struct pg *c = NULL;
    CHECK_INT(pthread_create(&s.thread, NULL, refuse_all, &s), 0);
    FAILS(pg_open(&c, dsn_of(&s, SILENT "," FAKE), &o, e), RC_BUSY);
    CHECK_TRUE(holds(e, "no connection in time") && holds(e, "here I am"));
    stop_servers(&s);
}

/* ---- name servers that say nothing */

static int told_fd; /* readable: they may speak */
static _Atomic int lookups;

static enum rc know_late(const char *host, struct pg_addresses *out, struct err *e)
{
    struct pollfd fd = {.fd = told_fd, .events = POLLIN};
    atomic_fetch_add(&lookups, 1);
    while (poll(&fd, 1, -1) != 1) {
    }
    *out = (struct pg_addresses){.text = {FAKE}, .count = 1};
    return strcmp(host, "db.example") == 0 ? RC_OK : err_set(e, RC_BUSY, "postgresql: nobody knows %s", host);
}

TEST(a_name_server_that_says_nothing_is_given_up_in_time_and_asked_once)
{
    struct pg_options o = {.connect_ms = 50, .look_up = know_late};
    struct servers s = start_servers();
    struct pg *c = NULL;
    told_fd = eventfd(0, EFD_CLOEXEC);
    CHECK_INT(pthread_create(&s.thread, NULL, refuse_all, &s), 0);
    for (int i = 0; i < 3; i++) {
        FAILS(pg_open(&c, dsn_of(&s, "db.example"), &o, e), RC_BUSY);
        CHECK_TRUE(holds(e, "db.example") && holds(e, "name server") && !holds(e, "hunter2"));
        CHECK_INT(lookups, 1);
    }
    CHECK_INT(eventfd_write(told_fd, 1), 0);
    o.connect_ms = 10000;
    FAILS(pg_open(&c, dsn_of(&s, "db.example"), &o, e), RC_BUSY);
    CHECK_TRUE(holds(e, "here I am"));
    FAILS(pg_open(&c, dsn_of(&s, "other.example," FAKE), &o, e), RC_BUSY);
    CHECK_TRUE(holds(e, "nobody knows other.example; ") && holds(e, "here I am"));
    stop_servers(&s);
}

TEST(told_to_stop_nobody_waits_for_a_name_server)
{
    const struct pg_options o = {.look_up = know_late, .stop_fd = eventfd(1, EFD_CLOEXEC)};
    struct pg *c = NULL;
    told_fd = eventfd(0, EFD_CLOEXEC);
    FAILS(pg_open(&c, "postgresql://u@db.example/x", &o, e), RC_BUSY);
    CHECK_TRUE(holds(e, "told to stop"));
    CHECK_INT(eventfd_write(told_fd, 1), 0);
}

TEST(no_more_than_so_many_names_are_looked_up_at_a_time)
{
    const struct pg_options o = {.connect_ms = 1, .look_up = know_late};
    struct pg *c = NULL;
    told_fd = eventfd(0, EFD_CLOEXEC);
    for (int i = 0; i < 20; i++) {
        char dsn[100];
        str_print(dsn, sizeof dsn, "postgresql://u@host-%d/x", i);
        FAILS(pg_open(&c, dsn, &o, e), RC_BUSY);
    }
    CHECK_TRUE(holds(e, "too many names"));
    CHECK_TRUE(lookups <= 16);
    CHECK_INT(eventfd_write(told_fd, 1), 0);
}

/* ---- what libc says */

TEST(a_name_that_does_not_exist_says_so)
{
    struct pg *c = NULL;
    FAILS(pg_open(&c, "postgresql://u:hunter2@no such name/x", NULL, e), RC_BUSY);
    CHECK_TRUE(holds(e, "could not translate host name \"no such name\"") && !holds(e, "hunter2"));
}

TEST(a_name_that_libc_knows_is_connected_to)
{
    struct servers s = start_servers();
    struct pg *c = NULL;
    CHECK_INT(pthread_create(&s.thread, NULL, refuse_all, &s), 0);
    FAILS(pg_open(&c, dsn_of(&s, "localhost"), NULL, e), RC_BUSY);
    CHECK_TRUE(holds(e, "localhost:") && holds(e, " (" FAKE "): ") && holds(e, "here I am"));
    stop_servers(&s);
}

/* ---- the DSN's own limit */

static int64_t connect_ms_of(const char *dsn)
{
    struct err err = {0}, *e = &err;
    PQconninfoOption *options = NULL;
    OK(pg_lib_load(e));
    OK(pg_dsn_parse(dsn, &options, e));
    int64_t ms = pg_dsn_connect_ms(options, 2500);
    PQconninfoFree(options);
    return ms;
}

TEST(the_connect_timeout_of_the_dsn_goes_before_ours)
{
    CHECK_INT(connect_ms_of("postgresql://a/b"), 2500);
    CHECK_INT(connect_ms_of("postgresql://a/b?connect_timeout=1"), 1000);
    CHECK_INT(connect_ms_of("postgresql://a/b?connect_timeout=10"), 10000);
    CHECK_INT(connect_ms_of("postgresql://a/b?connect_timeout=0"), 2500);
    CHECK_INT(connect_ms_of("postgresql://a/b?connect_timeout=-1"), 2500);
    CHECK_INT(connect_ms_of("postgresql://a/b?connect_timeout=999999999"), 3600000);
    PQconninfoOption *options = NULL;
    FAILS(pg_dsn_parse("postgresql://a/b?connect_timeout=hunter2", &options, e), RC_INVALID);
    CHECK_TRUE(!holds(e, "hunter2"));
}
