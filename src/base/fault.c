/* fault.c: see fault.h. Only the bookkeeping of one armed fault; the places themselves are in the code that can fail. */
#include "base/fault.h"

#ifdef STINT_FAULTS

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_env_read;
static char armed_name[128];
static char armed_action[16];
static int64_t hits_before; /* how many hits still pass unharmed */
static bool is_armed;

static void arm(struct str name, struct str action, int64_t nth)
{
    str_copy(armed_name, sizeof armed_name, name);
    str_copy(armed_action, sizeof armed_action, action);
    hits_before = nth > 1 ? nth - 1 : 0;
    is_armed = name.n > 0;
}

static void read_env_once(void)
{
    struct str rest, nth_text;
    int64_t nth = 1;

    if (is_env_read) {
        return;
    }
    is_env_read = true;
    struct str name = str_cut(str_from(getenv("STINT_FAULT")), ':', &rest);
    struct str action = str_cut(rest, ':', &nth_text);

    if (nth_text.n > 0 && !str_to_i64(nth_text, &nth)) {
        abort(); /* a test that arms nothing would pass for the wrong reason */
    }
    arm(name, action, nth);
}

/* A suite that sets off a fault wants to know that it happened; not by the log, which may be what fails. */
static void tell(void)
{
    static const char text[] = "fault: struck\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

static bool strike(void)
{
    struct str action = str_from(armed_action);

    tell();

    if (str_eq(action, STR("always"))) {
        return true;
    }
    is_armed = false;
    if (str_eq(action, STR("fail"))) {
        return true;
    }
    if (str_eq(action, STR("kill"))) {
        raise(SIGKILL);
    }
    if (str_eq(action, STR("pause"))) {
        raise(SIGSTOP);
        return false;
    }
    abort(); /* no such action */
}

bool fault_hit(const char *name)
{
    bool hit = false;

    pthread_mutex_lock(&lock);
    read_env_once();
    if (is_armed && str_eq(str_from(armed_name), str_from(name))) {
        if (hits_before > 0) {
            hits_before--;
        } else {
            hit = strike();
        }
    }
    pthread_mutex_unlock(&lock);
    return hit;
}

void fault_arm(const char *name, const char *action, int nth)
{
    pthread_mutex_lock(&lock);
    is_env_read = true;
    arm(str_from(name), str_from(action), nth);
    pthread_mutex_unlock(&lock);
}

void fault_disarm(void)
{
    fault_arm("", "", 1);
}

#endif
