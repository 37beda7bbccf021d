/* Trace messages, as drivers for Windows write them with WPP: the log holds numbers and values, the
 * texts stay in this program's binary.
 *
 *   cc etw_message_sample.c -letw-provider -o etw-message-sample
 *   tracelog -start Demo -f demo.etl -guid 6f1d3c5a-2b7e-4c1d-9a55-0e8b7c6d5a41 -flag 0x3 -level 5
 *   ./etw-message-sample -count 5
 *   tracelog -stop Demo
 *   tracefmt demo.etl -i etw-message-sample -displayonly
 *
 * Prints how many messages it has written for its flags, whether or not a session took them. */
#define WPP_CONTROL_GUIDS                                                              \
    WPP_DEFINE_CONTROL_GUID(MessageSample, (6f1d3c5a, 2b7e, 4c1d, 9a55, 0e8b7c6d5a41), \
                            WPP_DEFINE_BIT(REQUESTS) WPP_DEFINE_BIT(ERRORS))
#include <errno.h>
#include <etw/trace_message.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* %!state! shows the name of one of these. */
WPP_CUSTOM_TYPE(state, ItemListLong(Waiting, Served, Refused));
enum state { kWaiting, kServed, kRefused };

static int g_count = 16;

static void serve(int thread, int number) {
    const enum state state = number % 16 == 15 ? kRefused : kServed;
    DoTraceMessage(REQUESTS, "request %d of thread %d", number, thread);
    if (state == kRefused) {
        DoTraceLevelMessage(TRACE_LEVEL_ERROR, ERRORS, "%!FUNC!: request %d: %!state!, %!ERRNO!",
                            number, state, EAGAIN);
    }
}

static void* run(void* thread) {
    int i;
    for (i = 0; i < g_count; ++i) serve((int)(size_t)thread, i);
    return NULL;
}

int main(int argc, char** argv) {
    pthread_t threads[64];
    int thread_count = 1, hold = 0, i;
    for (i = 1; i < argc; ++i) {
        if (strcmp(argv[i], "-count") == 0 && i + 1 < argc) {
            g_count = atoi(argv[++i]);
        } else if (strcmp(argv[i], "-threads") == 0 && i + 1 < argc) {
            thread_count = atoi(argv[++i]);
        } else if (strcmp(argv[i], "-hold") == 0) {
            hold = 1;
        } else {
            thread_count = 0;
        }
    }
    if (g_count < 0 || thread_count < 1 || thread_count > 64) {
        fprintf(stderr,
                "usage: etw-message-sample [-count N] [-threads T] [-hold]\n"
                "-hold waits for a line of input before and after the messages.\n");
        return 2;
    }
    WPP_INIT_TRACING("MessageSample");
    if (hold) {
        printf("ready\n");
        fflush(stdout);
        while (getchar() > '\n') continue;
    }
    for (i = 0; i < thread_count; ++i) {
        pthread_create(&threads[i], NULL, run, (void*)(size_t)i);
    }
    for (i = 0; i < thread_count; ++i) pthread_join(threads[i], NULL);
    printf("written %d %d\n", thread_count * g_count, thread_count * (g_count / 16));
    fflush(stdout);
    if (hold)
        while (getchar() > '\n') continue;
    WPP_CLEANUP();
    return 0;
}
