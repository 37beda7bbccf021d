// Drives the writers of the side-by-side benchmarks: the same loop around our event macros and
// around the rival's, so that only the macro differs.
//
//   <writer> burst KIND COUNT         for every line on standard input: writes COUNT events as fast
//                                     as it goes and prints the nanoseconds for each
//   <writer> worst KIND MS            for every line: writes for MS milliseconds and prints the
//                                     nanoseconds of the longest write in which the thread kept
//                                     its CPU, and the number of events
//   <writer> rate  KIND PER_SECOND SECONDS THREADS
//                                     writes at a steady rate, every millisecond what is due;
//                                     prints "written N"
// KIND is one, three or message.
#ifndef ETW_BENCH_WRITER_H
#define ETW_BENCH_WRITER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

// To be defined before including this file: one event with a u32, one with a u64, a double and a
// string of 16 characters, and a trace message with two integers.
static void write_one(uint64_t n);
static void write_three(uint64_t n);
static void write_message(uint64_t n);

static const char* const kText16 = "0123456789abcdef";

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

enum kind { kOne, kThree, kMessage };

static enum kind kind_named(const char* name) {
    return strcmp(name, "three") == 0 ? kThree : strcmp(name, "message") == 0 ? kMessage : kOne;
}

static void write_run(enum kind kind, uint64_t first, uint64_t count) {
    switch (kind) {
        case kOne:
            for (uint64_t n = first; n < first + count; ++n) write_one(n);
            break;
        case kThree:
            for (uint64_t n = first; n < first + count; ++n) write_three(n);
            break;
        case kMessage:
            for (uint64_t n = first; n < first + count; ++n) write_message(n);
            break;
    }
}

static long switches_of_thread(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw + usage.ru_nvcsw;
}

// Each write begins when the one before it ends, so that losing the CPU falls into one of them.
static void write_and_find_worst(enum kind kind, double ms) {
    const uint64_t kShort = 2000;  // nothing that matters
    uint64_t worst = 0, count = 0;
    long switches = switches_of_thread();
    uint64_t begin = now_ns();
    const uint64_t end = begin + (uint64_t)(ms * 1e6);
    while (begin < end) {
        write_run(kind, count++, 1);
        uint64_t done = now_ns();
        const uint64_t taken = done - begin;
        if (taken > kShort) {
            const long now = switches_of_thread();
            if (now == switches && taken > worst) worst = taken;
            switches = now;
            done = now_ns();
        } else if (taken > worst) {
            worst = taken;
        }
        begin = done;
    }
    printf("%llu %llu\n", (unsigned long long)worst, (unsigned long long)count);
    fflush(stdout);
}

struct rate_job {
    enum kind kind;
    double per_second;
    double seconds;
    uint64_t written;
};

static void* write_at_rate(void* argument) {
    struct rate_job* job = (struct rate_job*)argument;
    const uint64_t start = now_ns();
    for (;;) {
        double elapsed = (double)(now_ns() - start) / 1e9;
        const int last = elapsed >= job->seconds;
        if (last) elapsed = job->seconds;
        const uint64_t due = (uint64_t)(elapsed * job->per_second);
        write_run(job->kind, job->written, due - job->written);
        job->written = due;
        if (last) return NULL;
        const struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
}

static int bench_writer_main(int argc, char** argv) {
    if (argc < 4) return 2;
    const enum kind kind = kind_named(argv[2]);
    puts("ready");
    fflush(stdout);
    if (strcmp(argv[1], "burst") == 0) {
        const uint64_t count = strtoull(argv[3], NULL, 10);
        char line[16];
        while (fgets(line, sizeof(line), stdin) != NULL) {
            const uint64_t start = now_ns();
            write_run(kind, 0, count);
            printf("%.3f\n", (double)(now_ns() - start) / (double)count);
            fflush(stdout);
        }
        return 0;
    }
    if (strcmp(argv[1], "worst") == 0) {
        char line[16];
        while (fgets(line, sizeof(line), stdin) != NULL) write_and_find_worst(kind, atof(argv[3]));
        return 0;
    }
    if (argc < 6) return 2;
    enum { kMaxThreads = 64 };
    static struct rate_job jobs[kMaxThreads];
    static pthread_t threads[kMaxThreads];
    const int count = atoi(argv[5]);
    if (count < 1 || count > kMaxThreads) return 2;
    char line[16];
    if (fgets(line, sizeof(line), stdin) == NULL) return 2;
    for (int i = 0; i < count; ++i) {
        jobs[i].kind = kind;
        jobs[i].per_second = atof(argv[3]) / count;
        jobs[i].seconds = atof(argv[4]);
        pthread_create(&threads[i], NULL, write_at_rate, &jobs[i]);
    }
    uint64_t written = 0;
    for (int i = 0; i < count; ++i) {
        pthread_join(threads[i], NULL);
        written += jobs[i].written;
    }
    printf("written %llu\n", (unsigned long long)written);
    return 0;
}

#endif
