#pragma once
#include <cstdint>
#include <type_traits>

namespace etw {

// A Win32 code so that both backends and the tools' exit messages speak one language.
// Values: learn.microsoft.com "System Error Codes"; add a code only together with its number.
enum class Code : uint32_t {
    kOk = 0,
    kInvalidFunction = 1,
    kFileNotFound = 2,
    kPathNotFound = 3,
    kAccessDenied = 5,
    kNotEnoughMemory = 8,
    kInvalidData = 13,
    kBadLength = 24,
    kWriteFault = 29,
    kSharingViolation = 32,
    kNotSupported = 50,
    kInvalidParameter = 87,
    kDiskFull = 112,
    kInsufficientBuffer = 122,
    kInvalidName = 123,
    kBadPathname = 161,
    kBusy = 170,
    kAlreadyExists = 183,
    kMoreData = 234,
    kNoMoreItems = 259,
    kCancelled = 1223,
    kRevisionMismatch = 1306,  // tools and session host of different versions
    kNoSystemResources = 1450,
    kTimeout = 1460,
    kActiveConnections = 2402,
    kGuidNotFound = 4200,
    kSessionNotFound = 4201,
    kServiceNotAvailable = 1062,  // ERROR_SERVICE_NOT_ACTIVE: no session host and none could start
};

// The system table's text of a code, as the tools print it after "Operation Status".
const char* code_text(Code code) noexcept;

// The code a failed system call stands for; errnos without a counterpart give kInvalidFunction.
Code code_from_errno(int error) noexcept;

// Small, owns nothing: may be returned from a signal handler or a decode loop.
struct Error {
    Code code;
    const char* what;    // string literal, names the field or call: "buffer header: offset"
    uint64_t where = 0;  // byte offset in the input for kInvalidData, errno for an OS call
};
static_assert(std::is_trivially_copyable_v<Error> && sizeof(Error) <= 24);

}  // namespace etw
