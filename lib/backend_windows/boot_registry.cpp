#include "backend_windows/boot_registry.h"

#include "backend_windows/text.h"
#include "session/boot_rules.h"
#include "session/boot_values.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstring>
#include <limits>

namespace etw::backend_windows {

using session::BootConfiguration;
using session::BootProvider;
using session::BootSession;
using session::Failure;
using session::NumberForm;
using session::Outcome;
using session::WriteBoot;

namespace {

constexpr char kGlobalLoggerKey[] = "SYSTEM\\CurrentControlSet\\Control\\WMI\\GlobalLogger";
constexpr char kAutoLoggerKey[] = "SYSTEM\\CurrentControlSet\\Control\\WMI\\Autologger\\";
constexpr char kLogFolder[] = "\\System32\\LogFiles\\WMI";

// --- writing -----------------------------------------------------------------------------------

template <class T>
RegistryData number_data(T value) {
    RegistryData out{sizeof(T) == sizeof(uint64_t) ? REG_QWORD : REG_DWORD, {}};
    out.bytes.resize(sizeof(T));
    std::memcpy(out.bytes.data(), &value, sizeof(T));
    return out;
}

RegistryData text_data(const std::string& text) {
    const std::wstring wide = to_wide(text);
    RegistryData out{REG_SZ, {}};
    out.bytes.resize((wide.size() + 1) * sizeof(wchar_t));
    std::memcpy(out.bytes.data(), wide.c_str(), out.bytes.size());
    return out;
}

std::string braced(const Guid& guid) { return "{" + to_string(guid) + "}"; }

// Takes the values of session/boot_values.h.
class Writer {
public:
    explicit Writer(std::vector<RegistryValue>& out) : out_(out) {}
    void begin_provider(const Guid& guid) { key_ = braced(guid); }

    void operator()(const char* name, bool value, WriteBoot when = WriteBoot::kIfSet) {
        number(name, uint32_t{value}, when == WriteBoot::kAlways);
    }
    void operator()(const char* name, uint8_t value) { number(name, uint32_t{value}, false); }
    void operator()(const char* name, uint32_t value, NumberForm = NumberForm::kDecimal) {
        number(name, value, false);
    }
    void operator()(const char* name, uint64_t value, NumberForm) { number(name, value, false); }
    void operator()(const char* name, uint32_t value, WriteBoot when) {
        number(name, value, when == WriteBoot::kAlways);
        // Of GlobalLogger's, Windows' documents have this name too.
        if (std::strcmp(name, "MaximumFileSize") == 0) number("MaxFileSize", value, true);
    }
    void operator()(const char* name, const std::optional<uint32_t>& value) {
        number(name, value.value_or(0), value.has_value());
    }
    void operator()(const char* name, ClockType value) { number(name, uint32_t(value), true); }
    void operator()(const char* name, const Guid& value) { put(name, text_data(braced(value))); }
    void operator()(const char* name, const std::string& value) {
        put(name, value.empty() ? std::nullopt : std::optional(text_data(value)));
    }
    void operator()(const char* name, const std::vector<uint32_t>& words) {
        RegistryData data{REG_BINARY, {}};
        data.bytes.resize(words.size() * sizeof(uint32_t));
        if (!words.empty()) std::memcpy(data.bytes.data(), words.data(), data.bytes.size());
        put(name, words.empty() ? std::nullopt : std::optional(std::move(data)));
    }

private:
    template <class T>
    void number(const char* name, T value, bool always) {
        const bool there = always || value != 0;
        put(name, there ? std::optional(number_data(value)) : std::nullopt);
    }
    void put(const char* name, std::optional<RegistryData> data) {
        out_.push_back({key_, name, std::move(data)});
    }

    std::vector<RegistryValue>& out_;
    std::string key_;
};

// --- reading -----------------------------------------------------------------------------------

// Gives each value that a key has to its member; what others have written is not believed.
class Reader {
public:
    explicit Reader(const RegistryKey& key) : key_(key) {}
    const std::optional<Failure>& failure() const { return failure_; }

    template <class... How>
    void operator()(const char* name, bool& value, How...) {
        if (const auto number = this->number(name)) value = *number != 0;
    }
    template <std::unsigned_integral T, class... How>
    void operator()(const char* name, T& value, How...) {
        auto number = this->number(name);
        if (!number && std::strcmp(name, "MaximumFileSize") == 0)
            number = this->number("MaxFileSize");
        if (number) value = T(*number);  // of a level, the low byte
    }
    void operator()(const char* name, std::optional<uint32_t>& value) {
        if (const auto number = this->number(name)) value = uint32_t(*number);
    }
    void operator()(const char* name, ClockType& value) {
        const auto number = this->number(name);
        if (!number || *number == 0) return;  // 0 is what the system takes by default
        if (*number > uint32_t(ClockType::kCpuCycle)) return wrong(name);
        value = ClockType(*number);
    }
    void operator()(const char* name, Guid& value) {
        const auto text = this->text(name);
        if (!text) return;
        const auto guid = parse_guid(*text);
        if (!guid || *guid == Guid()) return wrong(name);
        value = *guid;
    }
    void operator()(const char* name, std::string& value) {
        if (auto text = this->text(name)) value = *std::move(text);
    }
    void operator()(const char* name, std::vector<uint32_t>& words) {
        const auto data = read(name);
        if (!data) return;
        const size_t size = data->bytes.size();
        const bool fits =
            size % sizeof(uint32_t) == 0 && size / sizeof(uint32_t) <= session::kMaxKernelFlagWords;
        if ((data->type != REG_BINARY && data->type != REG_DWORD) || !fits) return wrong(name);
        words.resize(size / sizeof(uint32_t));
        if (size != 0) std::memcpy(words.data(), data->bytes.data(), size);
    }

private:
    std::optional<RegistryData> read(const char* name) {
        if (failure_) return std::nullopt;
        auto data = key_.read(name);
        if (data) return *std::move(data);
        failure_ = data.error();
        return std::nullopt;
    }
    std::optional<uint64_t> number(const char* name) {
        const auto data = read(name);
        if (!data) return std::nullopt;
        uint64_t value = 0;
        const bool is_dword = data->type == REG_DWORD && data->bytes.size() == sizeof(uint32_t);
        const bool is_qword = data->type == REG_QWORD && data->bytes.size() == sizeof(uint64_t);
        if (!is_dword && !is_qword) {
            wrong(name);
            return std::nullopt;
        }
        std::memcpy(&value, data->bytes.data(), data->bytes.size());
        return value;
    }
    // The NUL at its end may be missing.
    std::optional<std::string> text(const char* name) {
        const auto data = read(name);
        if (!data) return std::nullopt;
        if (data->type != REG_SZ && data->type != REG_EXPAND_SZ) {
            wrong(name);
            return std::nullopt;
        }
        std::wstring wide(data->bytes.size() / sizeof(wchar_t), L'\0');
        if (!wide.empty()) std::memcpy(wide.data(), data->bytes.data(), wide.size() * 2);
        return from_wide(std::wstring_view(wide).substr(0, wide.find(L'\0')));
    }
    void wrong(const char* name) {
        failure_ = {Code::kInvalidData,
                    fmt::format("HKLM\\{}: {} is not of the type that it is documented to have; "
                                "delete it, or put it right",
                                key_.path(), name)};
    }

    const RegistryKey& key_;
    std::optional<Failure> failure_;
};

template <class V, class... Kind>
Outcome<Ok> read_values(const RegistryKey& key, V& values, Kind... kind) {
    Reader reader(key);
    session::boot_values(values, kind..., reader);
    if (reader.failure()) return *reader.failure();
    return Ok{};
}

// Nothing: it has no key.
Outcome<std::optional<BootSession>> load(const EtwApi& api, const std::string& name) {
    const std::string path = boot_key(name);
    auto key = RegistryKey::open(api, path);
    if (!key && key.error().code == Code::kFileNotFound) return std::optional<BootSession>();
    if (!key) return key.error();
    BootSession out = session::boot_defaults(name, "");
    ETW_CHECK(read_values(*key, out));
    ETW_TRY(const auto names, key->subkeys());
    for (const std::string& guid_text : names) {
        const auto guid = parse_guid(guid_text);
        if (!guid || *guid == Guid()) continue;
        ETW_TRY(const RegistryKey subkey, RegistryKey::open(api, path + "\\" + guid_text));
        BootProvider& provider = out.providers.emplace_back();
        provider.how.guid = *guid;
        ETW_CHECK(read_values(subkey, provider, session::is_global_logger(name)));
    }
    return std::optional(std::move(out));
}

// --- rules of the registry ---------------------------------------------------------------------

Failure refuse(std::string detail) { return {Code::kInvalidParameter, std::move(detail)}; }

// What the documents have no value for.
Outcome<Ok> check_expressible(const BootSession& boot) {
    if (boot.properties.name.find('\\') != std::string::npos) {
        return Failure{Code::kInvalidName,
                       "the name of an AutoLogger is the name of a key, too: without \\"};
    }
    if (boot.properties.flush_threshold != 0)
        return refuse("the registry has no value for -bt; leave it out");
    if (!session::is_global_logger(boot.properties.name)) return Ok{};
    for (const BootProvider& provider : boot.providers) {
        const session::ProviderEnable& how = provider.how;
        if (how.match_any_keyword > std::numeric_limits<uint32_t>::max() ||
            how.match_all_keyword != 0 || how.enable_property != 0) {
            return refuse(
                "GlobalLogger has level and flags of 32 bits for its providers; leave out "
                "-matchallkw, -enableproperty and the upper half of -matchanykw, or use "
                "-addautologger");
        }
    }
    return Ok{};
}

// Where the system has the logs of its own.
std::string default_log(const std::string& name) {
    std::wstring folder(MAX_PATH, L'\0');
    const UINT length = ::GetSystemWindowsDirectoryW(folder.data(), UINT(folder.size()));
    folder.resize(std::min<size_t>(length, folder.size()));
    std::string log =
        session::boot_defaults(name, from_wide(folder) + kLogFolder).properties.log_file;
    std::replace(log.begin(), log.end(), '/', '\\');
    return log;
}

Outcome<Ok> check_functions(const EtwApi& api) {
    if (api.create_key != nullptr && api.open_key != nullptr && api.query_value != nullptr &&
        api.set_value != nullptr && api.delete_value != nullptr && api.delete_tree != nullptr &&
        api.enum_key != nullptr && api.close_key != nullptr) {
        return Ok{};
    }
    return Failure{Code::kNotSupported, "the boot starts no sessions here"};
}

}  // namespace

std::string boot_key(const std::string& name) {
    return session::is_global_logger(name) ? kGlobalLoggerKey : kAutoLoggerKey + name;
}

std::vector<RegistryValue> registry_values(const BootSession& boot) {
    std::vector<RegistryValue> session, out;
    Writer of_session(session);
    session::boot_values(boot, of_session);
    const bool global = session::is_global_logger(boot.properties.name);
    for (const BootProvider& provider : boot.providers) {
        Writer writer(out);
        writer.begin_provider(provider.how.guid);
        if (!global) {
            session::boot_values(provider, false, writer);
            continue;
        }
        const uint64_t keyword = provider.how.match_any_keyword;
        writer("Level", provider.how.level);
        writer("Flags", keyword != 0 ? uint32_t(keyword) : provider.enable_flags);
    }
    out.insert(out.end(), session.begin(), session.end());
    // Start comes first in the list of values.
    const auto start = out.begin() + ptrdiff_t(out.size() - session.size());
    std::rotate(start, start + 1, out.end());
    return out;
}

Outcome<BootConfiguration> configure_boot(const EtwApi& api, const BootSession& asked) {
    ETW_CHECK(check_functions(api));
    ETW_CHECK(check_expressible(asked));
    const std::string& name = asked.properties.name;
    const std::string path = boot_key(name);
    BootSession now = asked;
    ETW_TRY(const auto before, load(api, name));
    if (before) now = session::replaced(*before, now);
    session::Properties& p = now.properties;
    if (p.log_file.empty() && (p.log_file_mode & (kModeRealTime | kModeBuffering)) == 0)
        p.log_file = default_log(name);
    ETW_CHECK(session::check(now, session::kWindows));
    // A limit counts for a mode that has one.
    p.log_file_mode = session::start_request(now).properties.log_file_mode;
    RegistryEdit edit(api);
    ETW_CHECK(edit.open(path));
    for (const RegistryValue& value : registry_values(now)) {
        ETW_CHECK(
            edit.set(value.key.empty() ? path : path + "\\" + value.key, value.name, value.data));
    }
    edit.commit();
    return BootConfiguration{now, "HKLM\\" + path, {}};
}

Outcome<BootConfiguration> remove_boot(const EtwApi& api, const std::string& name) {
    ETW_CHECK(check_functions(api));
    const std::string path = boot_key(name);
    if (!session::is_global_logger(name)) {
        return refuse(
            fmt::format("-remove takes GlobalLogger only; to take an AutoLogger away "
                        "delete its key: reg delete \"HKLM\\{}\"",
                        path));
    }
    ETW_TRY(const RegistryKey key, RegistryKey::create(api, path));
    // Without Start nothing starts: what is cut short here leaves no half of a session.
    ETW_CHECK(key.clear());
    ETW_CHECK(key.set("Start", number_data(uint32_t{0})));
    BootSession left = session::boot_defaults(name, "");
    left.properties.log_file.clear();
    return BootConfiguration{std::move(left), "HKLM\\" + path, {}};
}

}  // namespace etw::backend_windows
