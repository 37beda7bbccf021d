#include "symbols/symbolizer.h"

#include "decode/catalog_impl.h"

#include <fmt/format.h>

#include <shared_mutex>
#include <unordered_map>

namespace etw::symbols {
namespace {

constexpr std::string_view kKernel = "[kernel]";
constexpr size_t kMaxKept = 65536;  // names of a module

// "/usr/lib/libc.so.6" and "\Device\...\ntdll.dll" to their last part, "[ext4]" without brackets.
std::string_view shown(std::string_view path) {
    if (path.starts_with('[') && path.ends_with(']')) return path.substr(1, path.size() - 2);
    const size_t slash = path.find_last_of("/\\");
    return slash == path.npos ? path : path.substr(slash + 1);
}

}  // namespace

struct Symbolizer::Lazy {
    std::once_flag once;
    ModuleSymbols symbols;
    std::shared_mutex mutex;                          // guards `names`
    std::unordered_map<uint64_t, std::string> names;  // by offset: stacks repeat themselves
};

Symbolizer::Symbolizer(std::shared_ptr<const decode::Catalog> catalog,
                       std::vector<std::string> folders)
    : catalog_(std::move(catalog)),
      folders_(std::move(folders)),
      modules_(images().modules().size()) {}

Symbolizer::~Symbolizer() = default;

const decode::ImageTable& Symbolizer::images() const { return catalog_->impl().images; }

std::string Symbolizer::name(uint32_t process, int64_t time, uint64_t address) const {
    decode::ImageTable::Place place{};
    if (!images().find(process, time, address, place)) return {};
    Lazy& lazy = modules_[place.module];
    {
        const std::shared_lock lock(lazy.mutex);
        const auto known = lazy.names.find(place.offset);
        if (known != lazy.names.end()) return known->second;
    }
    const std::string_view module = shown(images().modules()[place.module].path);
    const std::string function = this->function(place.module, place.offset);
    std::string out = function.empty() ? fmt::format("{}+{:#x}", module, place.offset)
                                       : fmt::format("{}!{}", module, function);
    const std::unique_lock lock(lazy.mutex);
    if (lazy.names.size() < kMaxKept) lazy.names.emplace(place.offset, out);
    return out;
}

uint32_t Symbolizer::process_of(uint32_t thread, int64_t time) const {
    return images().process_of(thread, time);
}

const KernelSymbols& Symbolizer::kernel() const {
    std::call_once(kernel_once_, [this] {
        for (const decode::Module& module : images().modules()) {
            if (module.path != kKernel || module.build_id.empty()) continue;
            kernel_ = KernelSymbols::of_running(module.build_id);
            return;
        }
    });
    return kernel_;
}

std::string Symbolizer::function(uint32_t module, uint64_t offset) const {
    const decode::Module& of = images().modules()[module];
    if (of.path == kKernel) return kernel().name("", offset);
    if (of.path.starts_with('[')) return kernel().name(of.path, offset);
    Lazy& lazy = modules_[module];
    std::call_once(lazy.once, [&] { lazy.symbols = ModuleSymbols::load(of, folders_); });
    return lazy.symbols.name(offset);
}

}  // namespace etw::symbols
