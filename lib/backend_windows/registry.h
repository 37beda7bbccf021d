// Keys of the registry below HKEY_LOCAL_MACHINE, and changes to several values that are made whole
// or not at all.
#pragma once
#include "backend_windows/etw_api.h"
#include "etw/session.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace etw::backend_windows {

// What a value holds, as the system keeps it: numbers in little-endian bytes, texts in UTF-16 with
// their NUL.
struct RegistryData {
    DWORD type = REG_NONE;
    std::vector<uint8_t> bytes;

    friend bool operator==(const RegistryData&, const RegistryData&) = default;
};

class RegistryKey {
public:
    // To look at. kFileNotFound where there is no such key.
    static session::Outcome<RegistryKey> open(const EtwApi& api, const std::string& path);
    // To change; made where it is missing, with what is missing above it.
    static session::Outcome<RegistryKey> create(const EtwApi& api, const std::string& path);

    RegistryKey(RegistryKey&& other) noexcept;
    RegistryKey& operator=(RegistryKey&&) = delete;
    ~RegistryKey();

    const std::string& path() const { return path_; }
    bool made() const { return made_; }  // by create(): it was not there before

    // Nothing: there is no such value.
    session::Outcome<std::optional<RegistryData>> read(const std::string& name) const;
    // Without data the value goes; one that is not there has gone.
    session::Outcome<Ok> set(const std::string& name,
                             const std::optional<RegistryData>& data) const;
    // Names of the keys in it.
    session::Outcome<std::vector<std::string>> subkeys() const;
    // All its values and the keys in it.
    session::Outcome<Ok> clear() const;

private:
    RegistryKey(const EtwApi& api, std::string path) : api_(&api), path_(std::move(path)) {}
    session::Failure failure(LSTATUS error, const std::string& doing) const;

    const EtwApi* api_;
    std::string path_;
    HKEY key_ = nullptr;
    bool made_ = false;
};

// Changes values and remembers what was there: unless commit() is called, the end of this object
// puts everything back, and takes away keys that it made.
class RegistryEdit {
public:
    explicit RegistryEdit(const EtwApi& api) : api_(api) {}
    ~RegistryEdit();
    RegistryEdit(const RegistryEdit&) = delete;
    RegistryEdit& operator=(const RegistryEdit&) = delete;

    // Makes the key where it is missing; of keys that stand in each other, the outer one first.
    session::Outcome<Ok> open(const std::string& path);
    // In a key that is open or that open() could open. What stands there already is not written
    // again.
    session::Outcome<Ok> set(const std::string& path, const std::string& name,
                             const std::optional<RegistryData>& data);
    void commit() noexcept { committed_ = true; }

private:
    struct Step {
        std::string path;
        std::string name;
        std::optional<RegistryData> before;
    };
    const EtwApi& api_;
    std::map<std::string, RegistryKey> keys_;  // by path
    std::vector<Step> steps_;
    bool committed_ = false;
};

}  // namespace etw::backend_windows
