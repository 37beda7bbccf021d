// Probes that programs and libraries were built with (USDT, sys/sdt.h): ELF notes in
// .note.stapsdt, which name places in the code and where the arguments stand there.
#pragma once
#include "etw/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace etw::kernel {

struct UsdtProbe {
    std::string provider;
    std::string name;
    uint64_t offset = 0;     // in the file
    uint64_t semaphore = 0;  // in the file: a counter that is not 0 while somebody traces; 0: none
    std::string arguments;   // "8@%rdi -4@-8(%rbp)"
};

// In the order of the file. Fails with the code of opening it, kInvalidData where it is no ELF
// file. A file without probes has none.
Result<std::vector<UsdtProbe>> read_usdt_probes(const std::string& path);

enum class Machine : uint8_t { kX86_64, kAarch64 };
constexpr Machine this_machine() {
#if defined(__aarch64__)
    return Machine::kAarch64;
#else
    return Machine::kX86_64;
#endif
}

// What a uprobe fetches for the arguments: "arg1=%di:u64 arg2=-8(%bp):s32". An argument that it
// cannot fetch (floating point, an index register, a symbol) is left out; the others keep their
// numbers.
std::string fetch_arguments(std::string_view arguments, Machine machine);

// A provider of probes by its name, usdt:<path>:<provider>.
struct UsdtName {
    std::string path;
    std::string provider;
};
// Nothing where it is no such name. `is_usdt` names begin with the prefix, whatever follows.
bool is_usdt_name(std::string_view name);
Result<UsdtName> parse_usdt_name(std::string_view name);

}  // namespace etw::kernel
