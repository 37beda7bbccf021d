// What a consumer and the host say to each other when the consumer connects. With the request comes
// one end of a SOCK_SEQPACKET pair: on it the host sends two descriptors, the delivery ring and the
// consumer's page (wire/delivery.h), and later one byte whenever the consumer sleeps and there is
// something new. The end of that connection is the end of the consumer, or of the host.
#pragma once
#include "etw/session.h"

namespace etw::session {

struct ConsumeRequest {
    std::string name;
    // Of a consumer that goes on after its host was killed; all 0 for a new one.
    uint64_t epoch = 0;     // of the session
    uint64_t ring = 0;      // id of the ring that it has
    uint64_t position = 0;  // in that ring
    uint64_t number = 0;    // of the chunk that it waits for
};

struct ConsumeGrant {
    uint64_t epoch = 0;
    uint64_t ring = 0;       // id
    uint64_t capacity = 0;   // bytes
    uint64_t number = 0;     // of the chunk at the page's position; later ones: the rest is lost
    std::string log_header;  // bytes, as the first buffer of a log begins
};

}  // namespace etw::session
