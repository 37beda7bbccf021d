#include "kernel/programs/bpf_images.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bpf/bpf.h>

#include <algorithm>
#include <array>

namespace etw::kernel {
namespace {

constexpr uint32_t kMaxFunctions = 1024;  // of one program

void add_functions(int program, std::vector<Image>& out) {
    std::array<uint64_t, kMaxFunctions> addresses{};
    std::array<uint32_t, kMaxFunctions> sizes{};
    bpf_prog_info info{};
    info.jited_ksyms = reinterpret_cast<uintptr_t>(addresses.data());
    info.nr_jited_ksyms = kMaxFunctions;
    info.jited_func_lens = reinterpret_cast<uintptr_t>(sizes.data());
    info.nr_jited_func_lens = kMaxFunctions;
    uint32_t size = sizeof(info);
    if (::bpf_obj_get_info_by_fd(program, &info, &size) != 0) return;
    const uint32_t count = std::min({info.nr_jited_ksyms, info.nr_jited_func_lens, kMaxFunctions});
    for (uint32_t i = 0; i < count; ++i) {
        if (addresses[i] == 0) continue;
        Image& image = out.emplace_back();
        image.base = addresses[i];
        image.size = sizes[i];
        image.path = fmt::format("[bpf_prog_{:02x}_{}]", fmt::join(info.tag, ""), info.name);
    }
}

}  // namespace

std::vector<Image> bpf_images() {
    std::vector<Image> out;
    for (uint32_t id = 0; ::bpf_prog_get_next_id(id, &id) == 0;) {
        const UniqueFd program(::bpf_prog_get_fd_by_id(id));
        if (program) add_functions(program.get(), out);
    }
    return out;
}

std::vector<Image> bpf_images_of(const UniqueFd& link) {
    std::vector<Image> out;
    bpf_link_info info{};
    uint32_t size = sizeof(info);
    if (::bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) return out;
    const UniqueFd program(::bpf_prog_get_fd_by_id(info.prog_id));
    if (program) add_functions(program.get(), out);
    return out;
}

}  // namespace etw::kernel
