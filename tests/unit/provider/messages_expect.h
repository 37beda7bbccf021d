/* What messages.h says about the message that it has just written; implemented by
 * message_test.cpp. */
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void expect_message(const char* values, size_t size);

#define ETW_DECLARE_MESSAGES(language)                 \
    const char* messages_##language##_source(void);    \
    void messages_##language##_init(void);             \
    void messages_##language##_cleanup(void);          \
    void messages_##language##_two_integers(int, int); \
    void messages_##language##_two_on_a_line(int);     \
    int messages_##language##_levels(void);            \
    void messages_##language##_values(void);
ETW_DECLARE_MESSAGES(c)
ETW_DECLARE_MESSAGES(cpp)

#ifdef __cplusplus
}
#endif
