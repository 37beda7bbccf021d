// The functions of the kernel and its modules, as the running kernel lists them. They are those of
// a log as long as the kernel is the same, wherever each of them lay in memory.
#pragma once
#include "etw/bytes.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace etw::symbols {

class KernelSymbols {
public:
    // The texts of /proc/kallsyms and /proc/modules. Nothing where they tell no addresses, as they
    // do to those who may not know them.
    static KernelSymbols parse(std::string_view list, std::string_view modules);
    // Of the running kernel, if its build id begins with `build_id`; else none.
    static KernelSymbols of_running(Bytes build_id);

    // "__schedule+0x3f2" of an offset from where the kernel, or a module of it, begins; `module` as
    // in the list, "[ext4]", or empty for the kernel itself. Empty: not known.
    std::string name(std::string_view module, uint64_t offset) const;

private:
    struct Symbol {
        uint64_t offset;  // from the first of the part
        std::string name;
    };
    std::map<std::string, std::vector<Symbol>, std::less<>> parts_;  // by module
};

}  // namespace etw::symbols
