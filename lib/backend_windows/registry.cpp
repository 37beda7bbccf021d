#include "backend_windows/registry.h"

#include "backend_windows/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace etw::backend_windows {

using session::Failure;
using session::Outcome;

namespace {

constexpr DWORD kFirstRead = 512;
constexpr DWORD kLargestValue = 64 * 1024;  // bytes that are read of a value
constexpr DWORD kMaxSubkeys = 4096;
constexpr DWORD kMaxKeyName = 255;  // characters, as documented
// The keys of this system, whatever the width of the program.
constexpr REGSAM kLook = KEY_READ | KEY_WOW64_64KEY;
constexpr REGSAM kChange = KEY_READ | KEY_WRITE | DELETE | KEY_WOW64_64KEY;

Failure failure_at(LSTATUS error, const std::string& path, const std::string& doing) {
    const Code code = Code(uint32_t(error));
    if (code == Code::kAccessDenied) {
        return {code,
                fmt::format("HKLM\\{}: that takes an elevated prompt of an administrator", path)};
    }
    return {code, fmt::format("HKLM\\{}: {} failed", path, doing)};
}

}  // namespace

Outcome<RegistryKey> RegistryKey::open(const EtwApi& api, const std::string& path) {
    RegistryKey out(api, path);
    const LSTATUS error =
        api.open_key(HKEY_LOCAL_MACHINE, to_wide(path).c_str(), 0, kLook, &out.key_);
    if (error != ERROR_SUCCESS) return failure_at(error, path, "RegOpenKeyEx");
    return out;
}

Outcome<RegistryKey> RegistryKey::create(const EtwApi& api, const std::string& path) {
    RegistryKey out(api, path);
    DWORD disposition = 0;
    const LSTATUS error =
        api.create_key(HKEY_LOCAL_MACHINE, to_wide(path).c_str(), 0, nullptr,
                       REG_OPTION_NON_VOLATILE, kChange, nullptr, &out.key_, &disposition);
    if (error != ERROR_SUCCESS) return failure_at(error, path, "RegCreateKeyEx");
    out.made_ = disposition == REG_CREATED_NEW_KEY;
    return out;
}

RegistryKey::RegistryKey(RegistryKey&& other) noexcept
    : api_(other.api_),
      path_(std::move(other.path_)),
      key_(std::exchange(other.key_, nullptr)),
      made_(other.made_) {}

RegistryKey::~RegistryKey() {
    if (key_ != nullptr) api_->close_key(key_);
}

Failure RegistryKey::failure(LSTATUS error, const std::string& doing) const {
    return failure_at(error, path_, doing);
}

Outcome<std::optional<RegistryData>> RegistryKey::read(const std::string& name) const {
    RegistryData out;
    const std::wstring wide = to_wide(name);
    // It may grow between two calls.
    for (DWORD size = kFirstRead; size <= kLargestValue;) {
        out.bytes.resize(size);
        const DWORD room = size;
        const LSTATUS error =
            api_->query_value(key_, wide.c_str(), nullptr, &out.type, out.bytes.data(), &size);
        if (error == ERROR_FILE_NOT_FOUND) return std::optional<RegistryData>();
        if (error == ERROR_MORE_DATA && size > room) continue;
        if (error != ERROR_SUCCESS)
            return failure(error, fmt::format("RegQueryValueEx of {}", name));
        out.bytes.resize(std::min(size, room));
        return std::optional(std::move(out));
    }
    return Failure{Code::kInvalidData,
                   fmt::format("HKLM\\{}: {} has more than 64 KB", path_, name)};
}

Outcome<Ok> RegistryKey::set(const std::string& name,
                             const std::optional<RegistryData>& data) const {
    const std::wstring wide = to_wide(name);
    if (!data) {
        const LSTATUS error = api_->delete_value(key_, wide.c_str());
        if (error != ERROR_SUCCESS && error != ERROR_FILE_NOT_FOUND)
            return failure(error, fmt::format("RegDeleteValue of {}", name));
        return Ok{};
    }
    const LSTATUS error = api_->set_value(key_, wide.c_str(), 0, data->type, data->bytes.data(),
                                          DWORD(data->bytes.size()));
    if (error != ERROR_SUCCESS) return failure(error, fmt::format("RegSetValueEx of {}", name));
    return Ok{};
}

Outcome<std::vector<std::string>> RegistryKey::subkeys() const {
    std::vector<std::string> out;
    for (DWORD i = 0; i < kMaxSubkeys; ++i) {
        std::wstring name(kMaxKeyName + 1, L'\0');
        DWORD length = DWORD(name.size());  // characters; without the NUL on return
        const LSTATUS error =
            api_->enum_key(key_, i, name.data(), &length, nullptr, nullptr, nullptr, nullptr);
        if (error == ERROR_NO_MORE_ITEMS) break;
        if (error != ERROR_SUCCESS) return failure(error, "RegEnumKeyEx");
        out.push_back(from_wide(std::wstring_view(name).substr(0, length)));
    }
    return out;
}

Outcome<Ok> RegistryKey::clear() const {
    const LSTATUS error = api_->delete_tree(key_, nullptr);
    if (error != ERROR_SUCCESS) return failure(error, "RegDeleteTree");
    return Ok{};
}

Outcome<Ok> RegistryEdit::open(const std::string& path) {
    if (keys_.contains(path)) return Ok{};
    ETW_TRY(RegistryKey key, RegistryKey::create(api_, path));
    keys_.emplace(path, std::move(key));
    return Ok{};
}

Outcome<Ok> RegistryEdit::set(const std::string& path, const std::string& name,
                              const std::optional<RegistryData>& data) {
    ETW_CHECK(open(path));
    const RegistryKey& key = keys_.find(path)->second;
    ETW_TRY(auto before, key.read(name));
    if (before == data) return Ok{};
    ETW_CHECK(key.set(name, data));
    steps_.push_back({path, name, std::move(before)});
    return Ok{};
}

// What cannot be put back any more stays as it is: there is nobody left to tell.
RegistryEdit::~RegistryEdit() {
    if (committed_) return;
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
        const RegistryKey& key = keys_.find(step->path)->second;
        if (!key.made()) static_cast<void>(key.set(step->name, step->before));
    }
    std::vector<std::string> made;
    for (const auto& [path, key] : keys_) {
        if (key.made()) made.push_back(path);
    }
    keys_.clear();
    // A key within another comes behind it in the order of paths, and goes first.
    for (auto path = made.rbegin(); path != made.rend(); ++path)
        api_.delete_tree(HKEY_LOCAL_MACHINE, to_wide(*path).c_str());
}

}  // namespace etw::backend_windows
