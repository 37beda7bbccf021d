// Where the members of the running kernel's structures stand, from its own type information (BTF),
// which libbpf reads.
#pragma once
#include "etw/result.h"

#include <cstdint>
#include <memory>
#include <string_view>

struct btf;

namespace etw::kernel {

class KernelTypes {
public:
    // Fails with kNotSupported where the kernel has no type information.
    static Result<KernelTypes> load();

    // The offset in bytes; `member` may lie in a structure or union without a name. A member that
    // is not there makes complete() false.
    uint32_t offset(std::string_view structure, std::string_view member);
    // The id of a tracepoint's type, which programs at it are loaded with. Fails with kNotSupported
    // where the kernel has no such tracepoint.
    Result<uint32_t> tracepoint(std::string_view name) const;
    // How many arguments it has.
    uint32_t arguments(uint32_t tracepoint) const;
    // The same as tracepoint() of a function.
    Result<uint32_t> function(std::string_view name) const;
    bool complete() const noexcept { return complete_; }

private:
    struct Free {
        void operator()(btf* types) const noexcept;
    };
    explicit KernelTypes(btf* types) : types_(types) {}
    std::unique_ptr<btf, Free> types_;
    bool complete_ = true;
};

}  // namespace etw::kernel
