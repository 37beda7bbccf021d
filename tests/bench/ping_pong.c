// Makes context switches, for scripts/bench: on each CPU two threads that hand a byte to and fro.
//
// usage: etw-bench-ping-pong ROUNDS
//
// Says "ready", then for each line of its input goes ROUNDS rounds on all CPUs at a time and says
// how many seconds that took and how many switches it made.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static long rounds;

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

struct pair {
    int cpu;
    int there[2];
    int back[2];
};

static void hand(int from, int to) {
    char byte = 'x';
    if (from >= 0 && read(from, &byte, 1) != 1) exit(1);
    if (to >= 0 && write(to, &byte, 1) != 1) exit(1);
}

static void* pong(void* argument) {
    const struct pair* pair = argument;
    pin(pair->cpu);
    for (long i = 0; i < rounds; ++i) hand(pair->there[0], pair->back[1]);
    return NULL;
}

static void* ping(void* argument) {
    const struct pair* pair = argument;
    pin(pair->cpu);
    for (long i = 0; i < rounds; ++i) {
        hand(-1, pair->there[1]);
        hand(pair->back[0], -1);
    }
    return NULL;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static long switches(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

int main(int argc, char** argv) {
    const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    char line[8];
    rounds = argc > 1 ? atol(argv[1]) : 100000;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        struct pair* pairs = calloc((size_t)cpus, sizeof(*pairs));
        pthread_t* threads = calloc((size_t)cpus * 2, sizeof(*threads));
        const double start = now();
        const long before = switches();
        for (int i = 0; i < cpus; ++i) {
            pairs[i].cpu = i;
            if (pipe(pairs[i].there) != 0 || pipe(pairs[i].back) != 0) return 1;
            pthread_create(&threads[2 * i], NULL, ping, &pairs[i]);
            pthread_create(&threads[2 * i + 1], NULL, pong, &pairs[i]);
        }
        for (int i = 0; i < cpus * 2; ++i) pthread_join(threads[i], NULL);
        printf("%.6f %ld\n", now() - start, switches() - before);
        fflush(stdout);
        for (int i = 0; i < cpus; ++i) {
            for (int end = 0; end < 2; ++end) {
                close(pairs[i].there[end]);
                close(pairs[i].back[end]);
            }
        }
        free(pairs);
        free(threads);
    }
    return 0;
}
