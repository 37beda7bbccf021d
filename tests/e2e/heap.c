/* Allocates, frees and waits for locks as often as it is told to, and not once more: it reads and
 * writes without stdio. A line "heap N" or "locks N" begins a round and is answered when it is
 * over; "fork N" has a child do "heap N", "thread N" a new thread. Knows nothing of tracing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* 6 allocations, one reallocation and 6 times free. */
__attribute__((noinline)) void heap_round(long i) {
    char* volatile a = malloc(10001 + 2 * (size_t)i);
    a = realloc(a, 20003);
    void* b = calloc(3, 1111);
    void* c = NULL;
    if (posix_memalign(&c, 64, 777) != 0) abort();
    void* d = aligned_alloc(64, 704);
    void* volatile e = NULL;
    e = realloc(e, 555);
    void* volatile f = NULL;
    f = reallocarray(f, 7, 99);
    free(NULL);
    free(a);
    free(b);
    free(c);
    free(d);
    e = realloc(e, 0);
    free(f);
}

__attribute__((noinline)) void heap_rounds(long count) {
    for (long i = 0; i < count; ++i) heap_round(i);
}

static void* heap_thread(void* count) {
    heap_rounds(*(long*)count);
    return NULL;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int to_worker[2], from_worker[2];
static volatile int worker_id, worker_begins;

__attribute__((noinline)) void wait_for_lock(void) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
}

static void* worker(void* unused) {
    (void)unused;
    char byte;
    worker_id = (int)syscall(SYS_gettid);
    while (read(to_worker[0], &byte, 1) == 1) {
        worker_begins = 1;
        wait_for_lock();
        if (write(from_worker[1], &byte, 1) != 1) abort();
    }
    return NULL;
}

static int sleeps(void) {
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", worker_id);
    const int fd = open(path, O_RDONLY);
    const ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    const char* state = strrchr(text, ')');
    return state != NULL && state[2] == 'S';
}

/* `count` times the worker waits for the lock, and finds it free as often. */
static void lock_rounds(long count) {
    for (long i = 0; i < 2 * count; ++i) {
        const int contended = i % 2 == 0;
        char byte = 0;
        worker_begins = 0;
        if (contended) pthread_mutex_lock(&mutex);
        if (write(to_worker[1], &byte, 1) != 1) abort();
        if (contended) {
            while (!worker_begins || !sleeps()) usleep(100);
            pthread_mutex_unlock(&mutex);
        }
        if (read(from_worker[0], &byte, 1) != 1) abort();
    }
}

int main(void) {
    char line[64];
    size_t used = 0;
    pthread_t thread;
    if (pipe(to_worker) != 0 || pipe(from_worker) != 0) return 1;
    if (pthread_create(&thread, NULL, worker, NULL) != 0) return 1;
    while (worker_id == 0) usleep(100);
    const int n = snprintf(line, sizeof(line), "ready %d %p\n", worker_id, (void*)&mutex);
    if (write(1, line, (size_t)n) != n) return 1;
    while (read(0, line + used, 1) == 1) {
        if (line[used] != '\n' && used + 2 < sizeof(line)) {
            ++used;
            continue;
        }
        line[used] = 0;
        used = 0;
        long count = 0;
        if (sscanf(line, "heap %ld", &count) == 1) heap_rounds(count);
        if (sscanf(line, "locks %ld", &count) == 1) lock_rounds(count);
        if (sscanf(line, "thread %ld", &count) == 1) {
            pthread_t other;
            if (pthread_create(&other, NULL, heap_thread, &count) != 0) return 1;
            pthread_join(other, NULL);
        }
        if (sscanf(line, "fork %ld", &count) == 1) {
            const pid_t child = fork();
            if (child == 0) {
                heap_rounds(count);
                _exit(0);
            }
            waitpid(child, NULL, 0);
        }
        if (write(1, "done\n", 5) != 5) return 1;
    }
    return 0;
}
