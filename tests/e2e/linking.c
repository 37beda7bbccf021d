/* A traced program that is linked in whatever way: events from threads, a signal handler and a
 * forked child. TLS_SIZE: bytes of thread-local memory that it has. */
#include <TraceLoggingProvider.h>
#include <evntprov.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmeta.h>

/* 5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e06 */
TRACELOGGING_DEFINE_PROVIDER(g_provider, "Test.Linking",
                             (0x5f1c0b0e, 0x6e5e, 0x4f57, 0x9a, 0x36, 0x0d, 0x5a, 0x1c, 0x6f, 0x7e,
                              0x06));

#ifdef TLS_SIZE
_Thread_local char g_thread_local[TLS_SIZE];
#endif

static void write_from(const char* place, int number) {
    TraceLoggingWrite(g_provider, "Written", TraceLoggingLevel(WINEVENT_LEVEL_INFO),
                      TraceLoggingString(place, "Place"), TraceLoggingInt32(number, "Number"));
}

static void on_signal(int number) {
    (void)number;
    write_from("handler", 1);
}

static void* run(void* number) {
    for (int i = 0; i < 100; ++i) write_from("thread", *(const int*)number * 100 + i);
    return NULL;
}

int main(void) {
#ifdef TLS_SIZE
    g_thread_local[TLS_SIZE - 1] = 1;
#endif
    if (TraceLoggingRegister(g_provider) != 0) return 1;
    write_from("main", 0);

    struct sigaction action = {0};
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);

    pthread_t threads[2];
    int numbers[2] = {0, 1};
    for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, run, &numbers[i]);
    for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);

    const pid_t child = fork();
    if (child == 0) {
        write_from("child", 2);
        return 0; /* at exit the library of the child is left alone as well */
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) return 2;

    EVENT_DESCRIPTOR descriptor;
    EventDescCreate(&descriptor, 7, 0, 0, WINEVENT_LEVEL_INFO, 0, 0, 1);
    REGHANDLE handle = 0;
    static const GUID id = {
        0x5f1c0b0e, 0x6e5e, 0x4f57, {0x9a, 0x36, 0x0d, 0x5a, 0x1c, 0x6f, 0x7e, 0x07}};
    if (EventRegister(&id, NULL, NULL, &handle) != 0) return 3;
    if (EventWrite(handle, &descriptor, 0, NULL) != 0) return 4;
    EventUnregister(handle);
    TraceLoggingUnregister(g_provider);
    puts("done");
    return 0;
}
