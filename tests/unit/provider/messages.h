/* The messages of message_test.cpp, compiled as C (messages_c.c) and as C++ (messages_cpp.cpp). */
#define WPP_CONTROL_GUIDS                                                                 \
    WPP_DEFINE_CONTROL_GUID(MessageTest, (d58c126f, b309, 11d1, 969e, 0000f875a5bc),      \
                            WPP_DEFINE_BIT(FLAG_ONE) WPP_DEFINE_BIT(FLAG_TWO))            \
    WPP_DEFINE_CONTROL_GUID(MessageTestOther, (1e5c126f, 0e09, 11e1, 969e, 00e0f875a5bc), \
                            WPP_DEFINE_BIT(OTHER_ONE))
#include "messages_expect.h"

#include <etw/trace_message.h>
#include <netinet/in.h>

WPP_CUSTOM_TYPE(state, ItemListLong(Idle, Running, Stopped));

enum Color { kRed, kGreen };

#define TraceEvents(level, flags, ...) DoTraceLevelMessage(level, flags, __VA_ARGS__)

static inline void write_inline(int value) {
    DoTraceMessage(FLAG_ONE, "%!FUNC! %d", value);
    expect_message("4\0\0\0", 4);
}

/* As the compiler was told it: a wrapper of the compiler may have shortened it. */
const char* MESSAGES_FUNCTION(source)(void) { return __BASE_FILE__; }

void MESSAGES_FUNCTION(init)(void) { WPP_INIT_TRACING(L"test", 0); }
void MESSAGES_FUNCTION(cleanup)(void) { WPP_CLEANUP(); }

void MESSAGES_FUNCTION(two_integers)(int a, int b) { DoTraceMessage(FLAG_ONE, "%d %d", a, b); }

#define WRITE_TWO_ON_A_LINE(value)               \
    DoTraceMessage(FLAG_ONE, "first %d", value); \
    DoTraceMessage(FLAG_ONE, "second %d", value)
void MESSAGES_FUNCTION(two_on_a_line)(int value) { WRITE_TWO_ON_A_LINE(value); }

int MESSAGES_FUNCTION(levels)(void) {
    DoTraceMessage(FLAG_ONE, "no level");
    DoTraceMessage(FLAG_TWO, "not enabled");
    DoTraceLevelMessage(TRACE_LEVEL_WARNING, FLAG_ONE, "its level");
    DoTraceLevelMessage(TRACE_LEVEL_INFORMATION, FLAG_ONE, "above");
    DoTraceLevelMessage(TRACE_LEVEL_CRITICAL, FLAG_TWO, "not enabled");
    TraceEvents(TRACE_LEVEL_ERROR, FLAG_ONE, "below, %s", "by a macro of the program");
    return WPP_LEVEL_ENABLED(FLAG_ONE) + 2 * WPP_LEVEL_ENABLED(FLAG_TWO) +
           4 * WPP_FLAG_LEVEL_ENABLED(FLAG_ONE, TRACE_LEVEL_WARNING) +
           8 * WPP_FLAG_LEVEL_ENABLED(FLAG_ONE, TRACE_LEVEL_VERBOSE);
}

#define EXPECT(bytes) expect_message(bytes, sizeof(bytes) - 1)

#ifdef __cplusplus
/* Text that is gone, and seen to be, when its owner is. */
class OwnedText {
public:
    ~OwnedText() { text_[0] = '!'; }
    const char* text() const { return text_; }

private:
    char text_[2] = {'o'};
};
#endif

void MESSAGES_FUNCTION(values)(void) {
    const signed char minus = -1;
    const GUID guid = {0x04030201, 0x0605, 0x0807, {9, 10, 11, 12, 13, 14, 15, 16}};
    const unsigned char mac[6] = {1, 2, 3, 4, 5, 6};
    const unsigned char sid[12] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};
    char16_t wide16[] = u"w\u20AC";
    UNICODE_STRING counted = {4, 6, wide16};
    struct in6_addr address;
    unsigned i;
    for (i = 0; i < 16; ++i) address.s6_addr[i] = (uint8_t)(i + 1);

    DoTraceMessage(FLAG_ONE, "none, 100%%");
    EXPECT("");
    DoTraceMessage(OTHER_ONE, "%d of another control", 1);
    EXPECT("\1\0\0\0");
    DoTraceMessage(FLAG_ONE, "%hhd %c %hu %d %u %x", minus, (char)'c', (unsigned short)0x102,
                   0x01020304, 5u, kGreen);
    EXPECT(
        "\xFF"
        "c\2\1\4\3\2\1\5\0\0\0\1\0\0\0");
    DoTraceMessage(FLAG_ONE, "%-5ld|%08llx|%I64u|%zu", -2l, 1ull, (uint64_t)3, sizeof(char));
    EXPECT("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0");
    DoTraceMessage(FLAG_ONE, "%hhu %lld %hd %d", (unsigned char)7, -1ll, (short)2, 3);
    EXPECT("\7\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\2\0\3\0\0\0");
    DoTraceMessage(FLAG_ONE, "%f %.2g", 1.0, 2.0f);
    EXPECT("\0\0\0\0\0\0\xF0\x3F\0\0\0\0\0\0\0\x40");
    DoTraceMessage(FLAG_ONE, "%p %p", (void*)0x1234, (const char*)0);
    EXPECT("\x34\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    DoTraceMessage(FLAG_ONE, "%s|%s|%d", "text", (const char*)0, 1);
    EXPECT("text\0NULL\0\1\0\0\0");
    DoTraceMessage(FLAG_ONE, "%ws %S %ls", wide16, L"\U0001F600x", (const wchar_t*)0);
    EXPECT("w\0\xAC\x20\0\0\x3D\xD8\0\xDEx\0\0\0N\0U\0L\0L\0\0\0");
    DoTraceMessage(FLAG_ONE, "%wZ", &counted);
    EXPECT("\4\0w\0\xAC\x20");
    DoTraceMessage(FLAG_ONE, "%!GUID! %!CLSID!", &guid, guid);
    EXPECT("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20");
    DoTraceMessage(FLAG_ONE, "%!IPADDR!:%!PORT! %!IPV6ADDR! %!MACADDR!", 0x0100007Fu,
                   (unsigned short)0x5000, &address, mac);
    EXPECT("\x7F\0\0\1\0\x50\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\1\2\3\4\5\6");
    DoTraceMessage(FLAG_ONE, "%!SID! %!HEXDUMP!", sid, log_xstr(mac, 3));
    EXPECT("\1\1\0\0\0\0\0\5\22\0\0\0\3\0\1\2\3");
    DoTraceMessage(FLAG_ONE, "%!STATUS! %!ERRNO! %!WINERROR! %!HRESULT! %!TIMESTAMP!", 1, 2, 3u, 4,
                   5ll);
    EXPECT("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\0\0\0\0");
    DoTraceMessage(FLAG_ONE, "%!FUNC! %!state! %!state! %!LEVEL!", (unsigned char)1, kGreen);
    EXPECT("\1\1\0\0\0");
    DoTraceMessage(FLAG_ONE, "%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                   11, 12, 13, 14, 15, 16, 17, 18);
    EXPECT(
        "\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0\7\0\0\0\10\0\0\0\11\0\0\0\12\0\0\0"
        "\13\0\0\0\14\0\0\0\15\0\0\0\16\0\0\0\17\0\0\0\20\0\0\0\21\0\0\0\22\0\0\0");
    DoTraceMessage(FLAG_ONE, "%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s", "", "", "", "", "", "", "", "",
                   "", "", "", "", "", "", "", "", "", "z");
    EXPECT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0z\0");
    write_inline(0x34);
#ifdef __cplusplus
    DoTraceMessage(FLAG_ONE, "%s|%s", OwnedText().text(), OwnedText().text());
    EXPECT("o\0o\0");
#endif
}
