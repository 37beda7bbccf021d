// What stands before the text of an event: the language of TRACE_FORMAT_PREFIX.
//
//   %1  component of a trace message; provider         %6  user time of the thread, ticks
//   %2  source file and line; name of the event        %7  sequence number, 0 where there is none
//   %3  thread id                                      %8  process id
//   %4  time                                           %9  processor
//   %5  kernel time of the thread, ticks               %%  a percent sign
//
// and %!FUNC! %!LEVEL! %!FLAGS! %!COMPNAME! %!SUBCOMP!. `%n!conversion!` converts as printf does;
// a bare %n is the value as it reads.
#pragma once
#include "etw/result.h"
#include "render/conversion.h"
#include "render/renderer.h"

#include <string>
#include <vector>

namespace etw::render {

constexpr std::string_view kDefaultPrefix = "[%9!d!]%8!04X!.%3!04X!::%4!s! [%1!s!]";

// Compiled once, shared by threads.
class Prefix {
public:
    enum class Variable : uint8_t {
        kText,
        kComponent,
        kSource,
        kThread,
        kTime,
        kKernelTime,
        kUserTime,
        kSequence,
        kProcess,
        kProcessor,
        kFunction,
        kLevel,
        kFlags,
        kComponentName,
        kSubcomponent,
    };
    struct Part {
        Variable variable = Variable::kText;
        std::string text;  // kText
        Conversion how;    // others
    };

    // `sequence`: eight hexadecimal digits of %7 follow the time, or end a prefix without one.
    // kInvalidParameter: `where` is the place in `text`.
    static Result<Prefix> compile(std::string_view text, bool sequence);

    const std::vector<Part>& parts() const noexcept { return parts_; }

private:
    std::vector<Part> parts_;
};

void append_prefix(OutBuffer& out, const Prefix& prefix, const etl::Record& record,
                   const decode::Event& event, int64_t time, ClockText& clock);

}  // namespace etw::render
