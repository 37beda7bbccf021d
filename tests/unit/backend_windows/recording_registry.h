// A registry in memory that keeps every change that is asked of it, and fails where the test says.
// One at a time, as RecordingApi.
#pragma once
#include "backend_windows/boot_registry.h"
#include "backend_windows/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace etw::backend_windows {

class RecordingRegistry {
public:
    using Values = std::map<std::string, RegistryData>;

    explicit RecordingRegistry(EtwApi& api) {
        current_ = this;
        api.create_key = create_key;
        api.open_key = open_key;
        api.query_value = query_value;
        api.set_value = set_value;
        api.delete_value = delete_value;
        api.delete_tree = delete_tree;
        api.enum_key = enum_key;
        api.close_key = close_key;
    }
    ~RecordingRegistry() {
        EXPECT_TRUE(open_.empty()) << "a key was left open";
        current_ = nullptr;
    }
    RecordingRegistry(const RecordingRegistry&) = delete;
    RecordingRegistry& operator=(const RecordingRegistry&) = delete;

    std::map<std::string, Values> keys;   // by path below HKEY_LOCAL_MACHINE
    std::vector<std::string> calls;       // "set Key\\Name", of what changes anything
    std::map<std::string, LSTATUS> fail;  // call -> code
    REGSAM access = 0;                    // that the last key was opened with

private:
    LSTATUS keep(const std::string& call) {
        calls.push_back(call);
        const auto failing = fail.find(call);
        return failing == fail.end() ? ERROR_SUCCESS : failing->second;
    }
    HKEY open(const std::string& path) {
        const auto number = ++last_;
        open_[number] = path;
        return reinterpret_cast<HKEY>(number);
    }
    // "" is HKEY_LOCAL_MACHINE.
    static std::string path_of(HKEY key) {
        if (key == HKEY_LOCAL_MACHINE) return {};
        const auto known = current_->open_.find(reinterpret_cast<uintptr_t>(key));
        if (known != current_->open_.end()) return known->second;
        ADD_FAILURE() << "a key that is not open";
        return "?";
    }

    static LSTATUS WINAPI create_key(HKEY root, const wchar_t* name, DWORD, wchar_t* kind,
                                     DWORD options, REGSAM access, SECURITY_ATTRIBUTES* who,
                                     HKEY* out, DWORD* disposition) {
        EXPECT_EQ(root, HKEY_LOCAL_MACHINE);
        EXPECT_EQ(kind, nullptr);
        EXPECT_EQ(who, nullptr);
        EXPECT_EQ(options, 0u) << "kept over a boot";
        const std::string path = from_wide(name);
        if (const LSTATUS code = current_->keep("create " + path)) return code;
        *disposition = current_->keys.count(path) != 0 ? 2u : 1u;  // opened, or made
        current_->keys[path];
        if (const size_t slash = path.rfind('\\'); path[slash + 1] == '{')
            current_->keys[path.substr(0, slash)];  // what is missing above it is made, too
        current_->access = access;
        *out = current_->open(path);
        return ERROR_SUCCESS;
    }
    static LSTATUS WINAPI open_key(HKEY root, const wchar_t* name, DWORD, REGSAM access,
                                   HKEY* out) {
        EXPECT_EQ(root, HKEY_LOCAL_MACHINE);
        const std::string path = from_wide(name);
        const auto failing = current_->fail.find("open " + path);
        if (failing != current_->fail.end()) return failing->second;
        if (current_->keys.count(path) == 0) return ERROR_FILE_NOT_FOUND;
        current_->access = access;
        *out = current_->open(path);
        return ERROR_SUCCESS;
    }
    static LSTATUS WINAPI query_value(HKEY key, const wchar_t* name, DWORD*, DWORD* type,
                                      BYTE* data, DWORD* size) {
        const std::string path = path_of(key);
        const auto failing = current_->fail.find("query " + path + "\\" + from_wide(name));
        if (failing != current_->fail.end()) return failing->second;
        const Values& values = current_->keys[path];
        const auto value = values.find(from_wide(name));
        if (value == values.end()) return ERROR_FILE_NOT_FOUND;
        const DWORD room = *size;
        *size = DWORD(value->second.bytes.size());
        if (*size > room) return ERROR_MORE_DATA;
        *type = value->second.type;
        std::copy(value->second.bytes.begin(), value->second.bytes.end(), data);
        return ERROR_SUCCESS;
    }
    static LSTATUS WINAPI set_value(HKEY key, const wchar_t* name, DWORD, DWORD type,
                                    const BYTE* data, DWORD size) {
        const std::string path = path_of(key);
        if (const LSTATUS code = current_->keep("set " + path + "\\" + from_wide(name)))
            return code;
        current_->keys[path][from_wide(name)] = {type, {data, data + size}};
        return ERROR_SUCCESS;
    }
    static LSTATUS WINAPI delete_value(HKEY key, const wchar_t* name) {
        const std::string path = path_of(key);
        if (const LSTATUS code = current_->keep("delete " + path + "\\" + from_wide(name)))
            return code;
        return current_->keys[path].erase(from_wide(name)) != 0 ? ERROR_SUCCESS
                                                                : ERROR_FILE_NOT_FOUND;
    }
    // Without a name: what is in the key, which itself stays.
    static LSTATUS WINAPI delete_tree(HKEY key, const wchar_t* name) {
        const std::string path = name == nullptr ? path_of(key) : from_wide(name);
        if (const LSTATUS code = current_->keep("tree " + path)) return code;
        std::erase_if(current_->keys,
                      [&](const auto& known) { return known.first.starts_with(path + "\\"); });
        if (name != nullptr) {
            current_->keys.erase(path);
        } else {
            current_->keys[path].clear();
        }
        return ERROR_SUCCESS;
    }
    static LSTATUS WINAPI enum_key(HKEY key, DWORD index, wchar_t* name, DWORD* length, DWORD*,
                                   wchar_t*, DWORD*, FILETIME*) {
        const std::string path = path_of(key) + "\\";
        const auto failing = current_->fail.find("enum " + path_of(key));
        if (failing != current_->fail.end()) return failing->second;
        for (const auto& [other, values] : current_->keys) {
            const bool inside =
                other.starts_with(path) && other.find('\\', path.size()) == std::string::npos;
            if (!inside || index-- != 0) continue;
            const std::wstring text = to_wide(other.substr(path.size()));
            EXPECT_LT(text.size(), *length);
            std::copy_n(text.c_str(), text.size() + 1, name);
            *length = DWORD(text.size());
            return ERROR_SUCCESS;
        }
        return ERROR_NO_MORE_ITEMS;
    }
    static LSTATUS WINAPI close_key(HKEY key) {
        EXPECT_EQ(current_->open_.erase(reinterpret_cast<uintptr_t>(key)), 1u);
        return ERROR_SUCCESS;
    }

    static inline RecordingRegistry* current_ = nullptr;
    uintptr_t last_ = 0x1000;
    std::map<uintptr_t, std::string> open_;
};

}  // namespace etw::backend_windows
