/* Contends locks of each kind as often as it is told to, and not once more. A line "KIND N" has a
 * thread wait for a lock of the kind N times, and take it when it is free as often; it is answered
 * by "done", the lock's address, who waited, who had it and the nanoseconds that this one ran. The
 * holder lets go when the other one sleeps for the lock. "KIND/free N" takes it without anybody
 * waiting, "KIND/crowd N" in four threads as often as that: the last number is how often one found
 * it taken. Knows nothing of tracing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock;
static mtx_t c11;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

struct worker {
    pthread_t thread;
    int to[2], from[2], id;
};
static struct worker workers[2];

static void check(int result) {
    if (result != 0) abort();
}

/* All threads. */
static void be_of(int policy, const struct sched_param* priority) {
    check(pthread_setschedparam(pthread_self(), policy, priority));
    for (size_t i = 0; i < 2; ++i)
        check(pthread_setschedparam(workers[i].thread, policy, priority));
}

static struct timespec later(clockid_t clock, long milliseconds) {
    struct timespec out;
    clock_gettime(clock, &out);
    out.tv_sec += milliseconds / 1000;
    out.tv_nsec += milliseconds % 1000 * 1000000;
    if (out.tv_nsec >= 1000000000) {
        out.tv_nsec -= 1000000000;
        ++out.tv_sec;
    }
    return out;
}
static struct timespec in_an_hour(void) { return later(CLOCK_REALTIME, 3600 * 1000); }

static void make_mutex(int type, int robust, int protocol) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    check(pthread_mutexattr_settype(&attr, type));
    if (robust) check(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
    check(pthread_mutexattr_setprotocol(&attr, protocol));
    memset(&mutex, 0, sizeof(mutex));
    check(pthread_mutex_init(&mutex, &attr));
}
static void make_plain(void) { make_mutex(PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_NONE); }
static void make_recursive(void) { make_mutex(PTHREAD_MUTEX_RECURSIVE, 0, PTHREAD_PRIO_NONE); }
static void make_checking(void) { make_mutex(PTHREAD_MUTEX_ERRORCHECK, 0, PTHREAD_PRIO_NONE); }
static void make_robust(void) { make_mutex(PTHREAD_MUTEX_NORMAL, 1, PTHREAD_PRIO_NONE); }
static void make_inheriting(void) { make_mutex(PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_INHERIT); }
static void make_both(void) { make_mutex(PTHREAD_MUTEX_NORMAL, 1, PTHREAD_PRIO_INHERIT); }
static void lock_mutex(void) { check(pthread_mutex_lock(&mutex)); }
static void unlock_mutex(void) { check(pthread_mutex_unlock(&mutex)); }
static void lock_timed(void) {
    const struct timespec time = in_an_hour();
    check(pthread_mutex_timedlock(&mutex, &time));
}
static void give_up(void) {
    const struct timespec time = later(CLOCK_REALTIME, 1);
    if (pthread_mutex_timedlock(&mutex, &time) != ETIMEDOUT) lock_mutex();
}

static void make_rwlock(void) { check(pthread_rwlock_init(&rwlock, NULL)); }
static void read_lock(void) { check(pthread_rwlock_rdlock(&rwlock)); }
static void write_lock(void) { check(pthread_rwlock_wrlock(&rwlock)); }
static void unlock_rwlock(void) { check(pthread_rwlock_unlock(&rwlock)); }
static void read_timed(void) {
    const struct timespec time = in_an_hour();
    check(pthread_rwlock_timedrdlock(&rwlock, &time));
}
static void write_timed(void) {
    const struct timespec time = in_an_hour();
    check(pthread_rwlock_timedwrlock(&rwlock, &time));
}

static void make_c11(void) { check(mtx_init(&c11, mtx_timed)); }
static void lock_c11(void) { check(mtx_lock(&c11)); }
static void unlock_c11(void) { check(mtx_unlock(&c11)); }
static void lock_c11_timed(void) {
    const struct timespec time = in_an_hour();
    check(mtx_timedlock(&c11, &time));
}

/* Of linux/futex.h, without which musl's compiler is. */
enum { FUTEX_WAIT = 128, FUTEX_WAKE = 129, FUTEX_LOCK_PI = 134, FUTEX_UNLOCK_PI = 135 };

/* Locks that no library knows of: 0 free, 1 somebody's, 2 waited for; or who has it. */
static unsigned own;
static long (*ask_kernel)(long, ...) = syscall;
static void lock_own(void) {
    unsigned is = 0;
    if (__atomic_compare_exchange_n(&own, &is, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return;
    while (__atomic_exchange_n(&own, 2, __ATOMIC_ACQUIRE) != 0)
        ask_kernel(SYS_futex, &own, FUTEX_WAIT, 2, NULL, NULL, 0);
}
static void unlock_own(void) {
    if (__atomic_exchange_n(&own, 0, __ATOMIC_RELEASE) == 2)
        ask_kernel(SYS_futex, &own, FUTEX_WAKE, 1, NULL, NULL, 0);
}
static void lock_own_inheriting(void) {
    unsigned is = 0;
    const unsigned me = (unsigned)syscall(SYS_gettid);
    if (__atomic_compare_exchange_n(&own, &is, me, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return;
    check((int)syscall(SYS_futex, &own, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
}
static void unlock_own_inheriting(void) {
    unsigned is = (unsigned)syscall(SYS_gettid);
    if (__atomic_compare_exchange_n(&own, &is, 0, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return;
    check((int)syscall(SYS_futex, &own, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}
static void make_own(void) {
    own = 0;
    ask_kernel = syscall;
}
#ifdef __x86_64__
/* Without libc, as the runtime libraries of other languages. */
static long ask_directly(long number, ...) {
    va_list list;
    va_start(list, number);
    unsigned* const word = va_arg(list, unsigned*);
    const long how = va_arg(list, int);
    const long value = va_arg(list, int);
    va_end(list);
    register const struct timespec* until __asm__("r10") = NULL;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(word), "S"(how), "d"(value), "r"(until)
                     : "rcx", "r11", "memory");
    return result;
}
static void make_own_without_libc(void) {
    make_own();
    ask_kernel = ask_directly;
}
#endif

#ifdef __GLIBC__
static void make_adaptive(void) { make_mutex(PTHREAD_MUTEX_ADAPTIVE_NP, 0, PTHREAD_PRIO_NONE); }
/* Only threads of a real time policy may have them. */
static void make_ceiling(void) {
    pthread_mutexattr_t attr;
    const struct sched_param priority = {.sched_priority = 1};
    be_of(SCHED_FIFO, &priority);
    pthread_mutexattr_init(&attr);
    check(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_PROTECT));
    check(pthread_mutexattr_setprioceiling(&attr, 2));
    memset(&mutex, 0, sizeof(mutex));
    check(pthread_mutex_init(&mutex, &attr));
}
static void lock_clock(void) {
    const struct timespec time = later(CLOCK_MONOTONIC, 3600 * 1000);
    check(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &time));
}
static void read_clock(void) {
    const struct timespec time = later(CLOCK_MONOTONIC, 3600 * 1000);
    check(pthread_rwlock_clockrdlock(&rwlock, CLOCK_MONOTONIC, &time));
}
static void write_clock(void) {
    const struct timespec time = later(CLOCK_MONOTONIC, 3600 * 1000);
    check(pthread_rwlock_clockwrlock(&rwlock, CLOCK_MONOTONIC, &time));
}
#endif

struct kind {
    const char* name;
    void (*make)(void);
    void (*hold)(void);
    void (*lock)(void);
    void (*unlock)(void);
    void* address;
};
static const struct kind kinds[] = {
    {"plain", make_plain, lock_mutex, lock_mutex, unlock_mutex, &mutex},
    {"recursive", make_recursive, lock_mutex, lock_mutex, unlock_mutex, &mutex},
    {"checking", make_checking, lock_mutex, lock_mutex, unlock_mutex, &mutex},
    {"robust", make_robust, lock_mutex, lock_mutex, unlock_mutex, &mutex},
    {"inheriting", make_inheriting, lock_mutex, lock_mutex, unlock_mutex, &mutex},
    {"robust-inheriting", make_both, lock_mutex, lock_mutex, unlock_mutex, &mutex},
    {"timed", make_plain, lock_mutex, lock_timed, unlock_mutex, &mutex},
    {"timed-recursive", make_recursive, lock_mutex, lock_timed, unlock_mutex, &mutex},
    {"timed-robust", make_robust, lock_mutex, lock_timed, unlock_mutex, &mutex},
    {"timed-inheriting", make_inheriting, lock_mutex, lock_timed, unlock_mutex, &mutex},
    {"read", make_rwlock, write_lock, read_lock, unlock_rwlock, &rwlock},
    {"write", make_rwlock, write_lock, write_lock, unlock_rwlock, &rwlock},
    {"write-read", make_rwlock, read_lock, write_lock, unlock_rwlock, &rwlock},
    {"timed-read", make_rwlock, write_lock, read_timed, unlock_rwlock, &rwlock},
    {"timed-write", make_rwlock, write_lock, write_timed, unlock_rwlock, &rwlock},
    {"c11", make_c11, lock_c11, lock_c11, unlock_c11, &c11},
    {"timed-c11", make_c11, lock_c11, lock_c11_timed, unlock_c11, &c11},
    {"own", make_own, lock_own, lock_own, unlock_own, &own},
    {"own-inheriting", make_own, lock_own_inheriting, lock_own_inheriting, unlock_own_inheriting,
     &own},
#ifdef __x86_64__
    {"own-without-libc", make_own_without_libc, lock_own, lock_own, unlock_own, &own},
#endif
#ifdef __GLIBC__
    {"adaptive", make_adaptive, lock_mutex, lock_mutex, unlock_mutex, &mutex},
    {"clock", make_plain, lock_mutex, lock_clock, unlock_mutex, &mutex},
    {"clock-read", make_rwlock, write_lock, read_clock, unlock_rwlock, &rwlock},
    {"clock-write", make_rwlock, write_lock, write_clock, unlock_rwlock, &rwlock},
    {"ceiling", make_ceiling, lock_mutex, lock_mutex, unlock_mutex, &mutex},
    {"timed-ceiling", make_ceiling, lock_mutex, lock_timed, unlock_mutex, &mutex},
#endif
};
static const struct kind* kind;

/* --- the threads that wait ------------------------------------------------------------------- */

__attribute__((noinline)) void wait_for_signal(void) {
    lock_mutex();
    check(pthread_cond_wait(&cond, &mutex));
    unlock_mutex();
}

__attribute__((noinline)) void take_lock(char what) {
    if (what == 'l') kind->lock();
    if (what == 'r') read_lock();
    if (what == 'c') wait_for_signal();
    if (what == 't') give_up();
}

static void* work(void* argument) {
    struct worker* me = argument;
    char what;
    __atomic_store_n(&me->id, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    while (read(me->to[0], &what, 1) == 1) {
        if (what == 'u') {
            kind->unlock();
        } else {
            take_lock(what);
        }
        if (write(me->from[1], &what, 1) != 1) abort();
    }
    return NULL;
}

static void tell(struct worker* worker, char what) {
    if (write(worker->to[1], &what, 1) != 1) abort();
}
static void await(struct worker* worker) {
    char what;
    if (read(worker->from[0], &what, 1) != 1) abort();
}

/* Whether it sleeps for a word of the lock. */
static int sleeps_at(const struct worker* worker, const void* lock) {
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", worker->id);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    int call;
    unsigned long word;
    return sscanf(text, "%d %lx", &call, &word) == 2 && call == SYS_futex &&
           word - (uintptr_t)lock < sizeof(pthread_rwlock_t);
}
static void await_sleep(const struct worker* worker, const void* lock) {
    while (!sleeps_at(worker, lock)) usleep(100);
}

/* How often it has gone to sleep. */
static long sleeps_of(const struct worker* worker) {
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", worker->id);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    const char* count = strstr(text, "\nvoluntary_ctxt_switches:");
    if (count == NULL) abort();
    return strtol(strchr(count, ':') + 1, NULL, 10);
}

/* --- rounds ---------------------------------------------------------------------------------- */

static void contend(struct worker* worker) {
    kind->hold();
    tell(worker, 'l');
    await_sleep(worker, kind->address);
    kind->unlock();
    await(worker);
    tell(worker, 'u');
    await(worker);
    tell(worker, 'l');  // it is free
    await(worker);
    tell(worker, 'u');
    await(worker);
}

/* Has the other one wake again and again to find that the lock is somebody's. */
static void steal(struct worker* worker) {
    int has_it = 0;
    kind->hold();
    tell(worker, 'l');
    await_sleep(worker, kind->address);
    for (int i = 0; i < 5 && !has_it; ++i) {
        const long sleeps = sleeps_of(worker);
        kind->unlock();
        if (pthread_mutex_trylock(&mutex) == 0) {
            while (sleeps_of(worker) == sleeps || !sleeps_at(worker, kind->address)) usleep(100);
        } else {
            await(worker);
            has_it = 1;
        }
    }
    if (!has_it) {
        kind->unlock();
        await(worker);
    }
    tell(worker, 'u');
    await(worker);
}

/* The first one waits for its turn among writers, and then for the second one, which reads. */
static void wait_twice(void) {
    write_lock();
    tell(&workers[1], 'r');
    await_sleep(&workers[1], &rwlock);
    tell(&workers[0], 'l');
    await_sleep(&workers[0], &rwlock);
    unlock_rwlock();
    await(&workers[1]);
    await_sleep(&workers[0], &rwlock);
    tell(&workers[1], 'u');
    await(&workers[1]);
    await(&workers[0]);
    tell(&workers[0], 'u');
    await(&workers[0]);
}

static void contend_after_signal(struct worker* worker) {
    tell(worker, 'c');
    await_sleep(worker, &cond);
    lock_mutex();
    pthread_cond_signal(&cond);
    await_sleep(worker, &mutex);
    unlock_mutex();
    await(worker);
}

/* Signals come while the other one sleeps, which goes on. */
static void interrupt(struct worker* worker) {
    kind->hold();
    tell(worker, 'l');
    for (int i = 0; i < 3; ++i) {
        await_sleep(worker, kind->address);
        const long sleeps = sleeps_of(worker);
        check(pthread_kill(worker->thread, SIGUSR1));
        while (sleeps_of(worker) == sleeps) usleep(100);
    }
    await_sleep(worker, kind->address);
    kind->unlock();
    await(worker);
    tell(worker, 'u');
    await(worker);
}
static void do_nothing(int number) { (void)number; }

static void lock_free(void) {
    kind->lock();
    kind->unlock();
}

/* Threads that take it at once; how often one has found it taken. */
static long taken;
static void* be_one_of_crowd(void* rounds) {
    const int reads = kind->address == &rwlock && syscall(SYS_gettid) % 2 == 0;
    for (long i = 0; i < *(long*)rounds; ++i) {
        const int free = kind->address == &mutex ? pthread_mutex_trylock(&mutex) == 0
                         : reads                 ? pthread_rwlock_tryrdlock(&rwlock) == 0
                                                 : pthread_rwlock_trywrlock(&rwlock) == 0;
        if (!free) {
            __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
            if (reads) {
                read_lock();
            } else {
                kind->lock();
            }
        }
        if (i % 16 == 0) sched_yield(); /* with it */
        kind->unlock();
    }
    return NULL;
}
static void crowd(long rounds) {
    pthread_t threads[4];
    taken = 0;
    for (size_t i = 0; i < 4; ++i)
        check(pthread_create(&threads[i], NULL, be_one_of_crowd, &rounds));
    for (size_t i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
}

static void set_kind(const char* name) {
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); ++i) {
        if (strcmp(kinds[i].name, name) == 0) kind = &kinds[i];
    }
    if (kind == NULL) abort();
    be_of(SCHED_OTHER, &(struct sched_param){0});
    kind->make();
}

int main(void) {
    char line[64], name[32];
    int n = 0;
    const struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
    check(sigaction(SIGUSR1, &action, NULL));
    for (size_t i = 0; i < 2; ++i) {
        if (pipe(workers[i].to) != 0 || pipe(workers[i].from) != 0) return 1;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) return 1;
        while (__atomic_load_n(&workers[i].id, __ATOMIC_ACQUIRE) == 0) usleep(100);
    }
    if (write(1, "ready\n", 6) != 6) return 1;
    for (size_t used = 0; read(0, line + used, 1) == 1;) {
        if (line[used] != '\n' && used + 2 < sizeof(line)) {
            ++used;
            continue;
        }
        line[used] = 0;
        used = 0;
        long count = 0;
        if (sscanf(line, "%31s %ld", name, &count) != 2) return 1;
        const char* how = strchr(name, '/');
        if (how != NULL) *strchr(name, '/') = 0;
        set_kind(name);
        struct timespec begin, end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        const int is_crowd = how != NULL && strcmp(how + 1, "crowd") == 0;
        if (is_crowd) crowd(count);
        for (long i = 0; i < count && !is_crowd; ++i) {
            if (how == NULL) {
                contend(&workers[0]);
            } else if (strcmp(how + 1, "free") == 0) {
                lock_free();
            } else if (strcmp(how + 1, "steal") == 0) {
                steal(&workers[0]);
            } else if (strcmp(how + 1, "twice") == 0) {
                wait_twice();
            } else if (strcmp(how + 1, "cond") == 0) {
                contend_after_signal(&workers[0]);
            } else if (strcmp(how + 1, "interrupted") == 0) {
                interrupt(&workers[0]);
            } else if (strcmp(how + 1, "timeout") == 0) {
                kind->hold();
                tell(&workers[0], 't');
                await(&workers[0]);
                kind->unlock();
            }
        }
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        const long ran = (end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec;
        n = snprintf(line, sizeof(line), "done %p %d %d %ld\n", kind->address, workers[0].id,
                     (int)getpid(), is_crowd ? taken : ran);
        if (write(1, line, (size_t)n) != n) return 1;
    }
    return 0;
}
