#include "host/survival/kept_kernel.h"

#include "host/session/session.h"

#include <utility>

namespace etw::host {

KeptDescriptors take_kept_kernel(const wire::SessionKey& key, KeptDescriptors& kept) {
    KeptDescriptors out;
    const std::string beginning = kept_kernel_name(key);
    for (auto it = kept.lower_bound(beginning);
         it != kept.end() && it->first.starts_with(beginning);) {
        out.insert(kept.extract(it++));
    }
    return out;
}

std::string KeptKernel::name_of(const std::string& what) const {
    return kept_kernel_name(key_) + what + "/";
}

void KeptKernel::hold(const std::string& what, const std::string& part, const UniqueFd& fd,
                      size_t mapped) {
    // Whatever a predecessor had of this name and could not be used.
    if (begun_.insert(what).second) let_go(what);
    keeper_.store(name_of(what) + part, fd, mapped);
}

void KeptKernel::let_go(const std::string& what) { keeper_.remove_all(name_of(what)); }

void KeptKernel::let_go_all() { keeper_.remove_all(kept_kernel_name(key_)); }

kernel::HeldParts KeptKernel::take_left(const std::string& what) {
    kernel::HeldParts out;
    const std::string beginning = name_of(what);
    for (auto it = left_.lower_bound(beginning);
         it != left_.end() && it->first.starts_with(beginning); it = left_.erase(it)) {
        out[it->first.substr(beginning.size())] = std::move(it->second);
    }
    return out;
}

void KeptKernel::drop_left() {
    for (const auto& [name, fd] : std::exchange(left_, {})) keeper_.remove(name);
}

}  // namespace etw::host
