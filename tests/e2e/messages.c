/* A program with trace messages: writes two of them as soon as a session wants them, and ends. */
#include <unistd.h>
#define WPP_CONTROL_GUIDS                                                               \
    WPP_DEFINE_CONTROL_GUID(MessageProgram, (7c3b9a54, 1f0e, 4c5d, 9a36, 0d5a1c6f7e02), \
                            WPP_DEFINE_BIT(FLAG_ONE) WPP_DEFINE_BIT(FLAG_TWO))
#include <etw/trace_message.h>

int main(void) {
    WPP_INIT_TRACING("messages");
    while (!WPP_FLAG_ENABLED(FLAG_ONE)) usleep(1000);
    DoTraceMessage(FLAG_ONE, "IOCTL = %d", 7);
    DoTraceLevelMessage(TRACE_LEVEL_ERROR, FLAG_ONE, "%!FUNC! read %s", "this");
    WPP_CLEANUP();
    return 0;
}
