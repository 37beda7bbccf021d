#include "kernel/programs/kernel_types.h"

#include <bpf/btf.h>

#include <cerrno>
#include <optional>
#include <string>

namespace etw::kernel {
namespace {

constexpr int kMaxDepth = 8;  // of structures without a name in one another

// In bits.
std::optional<uint32_t> find_member(const btf* types, uint32_t id, std::string_view name,
                                    int depth) {
    const btf_type* type = btf__type_by_id(types, id);
    if (type == nullptr || !btf_is_composite(type) || depth == kMaxDepth) return std::nullopt;
    for (uint16_t i = 0; i < btf_vlen(type); ++i) {
        const btf_member& member = btf_members(type)[i];
        const uint32_t at = btf_member_bit_offset(type, i);
        const char* its_name = btf__name_by_offset(types, member.name_off);
        if (its_name == nullptr) continue;
        if (name == its_name) return at;
        if (*its_name != '\0') continue;
        const auto inner =
            find_member(types, uint32_t(btf__resolve_type(types, member.type)), name, depth + 1);
        if (inner) return at + *inner;
    }
    return std::nullopt;
}

}  // namespace

void KernelTypes::Free::operator()(btf* types) const noexcept { btf__free(types); }

Result<KernelTypes> KernelTypes::load() {
    btf* types = btf__load_vmlinux_btf();
    if (types == nullptr) {
        return Error{Code::kNotSupported, "the kernel has no type information (BTF)",
                     uint64_t(errno)};
    }
    return KernelTypes(types);
}

uint32_t KernelTypes::offset(std::string_view structure, std::string_view member) {
    const int id =
        btf__find_by_name_kind(types_.get(), std::string(structure).c_str(), BTF_KIND_STRUCT);
    const auto bits = id < 0 ? std::nullopt : find_member(types_.get(), uint32_t(id), member, 0);
    if (!bits || *bits % 8 != 0) complete_ = false;
    return bits.value_or(0) / 8;
}

Result<uint32_t> KernelTypes::tracepoint(std::string_view name) const {
    const std::string type = "btf_trace_" + std::string(name);
    const int id = btf__find_by_name_kind(types_.get(), type.c_str(), BTF_KIND_TYPEDEF);
    if (id < 0) return Error{Code::kNotSupported, "the kernel has no such tracepoint", 0};
    return uint32_t(id);
}

// The type points to that of a function whose first argument is the caller's own.
uint32_t KernelTypes::arguments(uint32_t tracepoint) const {
    const btf_type* type = btf__type_by_id(types_.get(), tracepoint);
    for (int depth = 0; type != nullptr && depth < kMaxDepth; ++depth) {
        if (btf_is_func_proto(type)) return uint32_t{btf_vlen(type)} - 1;
        if (!btf_is_typedef(type) && !btf_is_ptr(type)) break;
        type = btf__type_by_id(types_.get(), type->type);
    }
    return 0;
}

Result<uint32_t> KernelTypes::function(std::string_view name) const {
    const int id = btf__find_by_name_kind(types_.get(), std::string(name).c_str(), BTF_KIND_FUNC);
    if (id < 0) return Error{Code::kNotSupported, "the kernel has no such function", 0};
    return uint32_t(id);
}

}  // namespace etw::kernel
