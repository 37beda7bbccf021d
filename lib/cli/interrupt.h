// SIGINT and SIGTERM as a wish to end: what has been written becomes whole first. The second one
// ends the process.
#pragma once
#include "etw/consumer.h"

namespace etw::cli {

// While it lives; one at a time.
class Interrupts {
public:
    // `consumer`, if any, stops waiting too.
    explicit Interrupts(session::Consumer* consumer = nullptr);
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;
    ~Interrupts();

    static bool asked() noexcept;  // since the last object was made
    // As a signal does.
    static void ask() noexcept;
    // Without an object, to the end of the process; a terminal that is gone (SIGHUP) asks, too.
    static void heed_for_good();
};

}  // namespace etw::cli
