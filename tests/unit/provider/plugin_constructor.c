/* A module whose constructor registers a provider while another thread, which is the first to
 * register one, waits for the loader that runs the constructor. */
#include <TraceLoggingProvider.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

TRACELOGGING_DEFINE_PROVIDER(g_first, "Openetw.Test.First", (23, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
TRACELOGGING_DEFINE_PROVIDER(g_second, "Openetw.Test.Second", (24, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));

static pthread_t g_thread;
static int g_tid;
static int g_result;

static void* register_first(void* unused) {
    __atomic_store_n(&g_tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    TraceLoggingRegister(g_first);
    return unused;
}

static int sleeps(int tid) {
    char path[64];
    char state = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    FILE* stat = fopen(path, "r");
    if (stat == NULL) return 1; /* it is done */
    const int found = fscanf(stat, "%*d (%*[^)]) %c", &state);
    fclose(stat);
    return found == 1 && state == 'S';
}

__attribute__((constructor)) static void begin(void) {
    if (pthread_create(&g_thread, NULL, register_first, NULL) != 0) return;
    int tid;
    while ((tid = __atomic_load_n(&g_tid, __ATOMIC_ACQUIRE)) == 0 || !sleeps(tid)) {
    }
    g_result = TraceLoggingRegister(g_second);
}

__attribute__((visibility("default"))) int plugin_register(void) {
    return pthread_join(g_thread, NULL) == 0 ? g_result : -1;
}
