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
      images_(catalog_->impl().images),
      folders_(std::move(folders)),
      modules_(images_.modules().size()) {}

Symbolizer::Symbolizer(std::vector<std::string> folders)
    : images_(learnt_), folders_(std::move(folders)) {}

Symbolizer::~Symbolizer() = default;

void Symbolizer::learn(const etl::Record& record) {
    if (!decode::ImageTable::tells_something(record)) return;
    const std::unique_lock lock(mutex_);
    if (learnt_.full()) learnt_.drop_ended();
    learnt_.add(record);
    while (modules_.size() < learnt_.modules().size()) modules_.emplace_back();
}

std::string Symbolizer::name(uint32_t process, int64_t time, uint64_t address) const {
    std::shared_lock all(mutex_);
    decode::ImageTable::Place place{};
    if (!images_.find(process, time, address, place)) return {};
    Lazy& lazy = modules_[place.module];
    {
        const std::shared_lock lock(lazy.mutex);
        const auto known = lazy.names.find(place.offset);
        if (known != lazy.names.end()) return known->second;
    }
    const decode::Module module = images_.modules()[place.module];
    all.unlock();  // reading symbols takes its time
    const std::string function = this->function(module, lazy, place.offset);
    std::string out = function.empty() ? fmt::format("{}+{:#x}", shown(module.path), place.offset)
                                       : fmt::format("{}!{}", shown(module.path), function);
    const std::unique_lock lock(lazy.mutex);
    if (lazy.names.size() < kMaxKept) lazy.names.emplace(place.offset, out);
    return out;
}

uint32_t Symbolizer::process_of(uint32_t thread, int64_t time) const {
    const std::shared_lock lock(mutex_);
    return images_.process_of(thread, time);
}

std::string Symbolizer::function(const decode::Module& module, Lazy& lazy, uint64_t offset) const {
    if (module.path.starts_with('[')) {
        std::call_once(kernel_once_, [this] {
            const std::shared_lock lock(mutex_);
            for (const decode::Module& known : images_.modules()) {
                if (known.path != kKernel || known.build_id.empty()) continue;
                kernel_ = KernelSymbols::of_running(known.build_id);
                return;
            }
        });
        return kernel_.name(module.path == kKernel ? "" : module.path, offset);
    }
    std::call_once(lazy.once, [&] { lazy.symbols = ModuleSymbols::load(module, folders_); });
    return lazy.symbols.name(offset);
}

}  // namespace etw::symbols
