#pragma once
#include <cstdint>

namespace etw {

// EVENT_ENABLE_PROPERTY_*: what every event of a provider carries besides its own, and two rules.
enum EnableProperty : uint32_t {
    kPropertySid = 0x1,                 // the user, as S-1-22-1-<uid>
    kPropertyTsId = 0x2,                // the login session
    kPropertyStackTrace = 0x4,          // the stack of the writer
    kPropertyIgnoreKeyword0 = 0x10,     // events without a keyword are left out
    kPropertyProcessStartKey = 0x80,    // a number that no other process of this boot has
    kPropertyEventKey = 0x100,          // a number that no other event has
    kPropertyExcludeInPrivate = 0x200,  // events that the program calls private are left out
};
constexpr uint32_t kKnownProperties = kPropertySid | kPropertyTsId | kPropertyStackTrace |
                                      kPropertyIgnoreKeyword0 | kPropertyProcessStartKey |
                                      kPropertyEventKey | kPropertyExcludeInPrivate;

}  // namespace etw
