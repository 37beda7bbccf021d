// The system's functions as a test wants them: each call is kept with its bytes, and returns what
// the test has said. One at a time: the functions have no place for a pointer to it.
#pragma once
#include "backend_windows/etw_api.h"
#include "backend_windows/text.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace etw::backend_windows {

class RecordingApi {
public:
    // StartTrace, ControlTrace: the block as it came, taken apart by hand.
    struct SessionCall {
        std::string function;
        std::string name;
        ULONG code = 0;                          // of ControlTrace
        EVENT_TRACE_PROPERTIES_V2 properties{};  // what version 1 has not is zero there
        std::vector<EVENT_FILTER_DESCRIPTOR> filters;
        std::string log_file;  // what stands at LogFileNameOffset; empty where that is 0
    };
    struct EnableCall {
        TRACEHANDLE session = 0;
        GUID provider{};
        ULONG code = 0;
        UCHAR level = 0;
        ULONGLONG any = 0, all = 0;
        ULONG timeout = 0;
        ENABLE_TRACE_PARAMETERS parameters{};
        struct Filter {
            ULONG type = 0;
            std::vector<uint8_t> bytes;
            friend bool operator==(const Filter&, const Filter&) = default;
        };
        std::vector<Filter> filters;
    };
    struct SetCall {
        TRACEHANDLE session = 0;
        int what = 0;
        std::vector<uint8_t> bytes;
        friend bool operator==(const SetCall&, const SetCall&) = default;
    };
    // What a session of the system is, for the answers to questions.
    struct Session {
        std::string name;
        std::string log_file;
        EVENT_TRACE_PROPERTIES properties{};
    };

    RecordingApi() { current_ = this; }
    ~RecordingApi() { current_ = nullptr; }
    RecordingApi(const RecordingApi&) = delete;
    RecordingApi& operator=(const RecordingApi&) = delete;

    const EtwApi& table() const { return table_; }
    EtwApi& table() { return table_; }

    std::vector<SessionCall> sessions;  // the calls that had a block of properties, in order
    std::vector<EnableCall> enables;
    std::vector<SetCall> sets;       // TraceSetInformation
    int privileges = 0;              // how often the privilege to sample was taken
    std::vector<std::byte> sources;  // what TraceQueryInformation answers
    std::vector<ULONG> query_rooms;  // with how much room that was called
    ULONG query_code = ERROR_SUCCESS;
    std::vector<Session> running;  // QueryAllTraces; the first is what ControlTrace answers
    std::deque<ULONG> start_codes, control_codes, enable_codes,
        set_codes;  // taken from the front; then 0
    ULONG list_code = ERROR_SUCCESS;
    std::vector<ULONG> list_rooms;  // with how much room QueryAllTraces was called
    // More room than that it refuses. Those that had none it counts too, as until Windows 10.
    ULONG most_sessions = 256;
    bool tells_all_sessions = true;
    TRACEHANDLE handle = 0;  // that StartTrace gives
    // EnumerateTraceGuidsEx: the answer to a question.
    std::function<std::vector<std::byte>(TRACE_QUERY_INFO_CLASS, const GUID*)> enumerate;

    std::vector<std::byte> providers;   // TdhEnumerateProviders
    std::vector<ULONG> provider_rooms;  // with how much room that was called
    ULONG provider_code = ERROR_SUCCESS;

    static std::string text_at(const EVENT_TRACE_PROPERTIES& p, ULONG offset) {
        if (offset == 0) return {};
        const auto* const base = reinterpret_cast<const char*>(&p);
        std::wstring text;
        for (ULONG at = offset; at + sizeof(wchar_t) <= p.Wnode.BufferSize; at += sizeof(wchar_t)) {
            wchar_t unit;
            std::memcpy(&unit, base + at, sizeof(unit));
            if (unit == 0) return from_wide(text);
            text += unit;
        }
        ADD_FAILURE() << "a name without its end";
        return {};
    }

private:
    static ULONG take(std::deque<ULONG>& codes) {
        if (codes.empty()) return ERROR_SUCCESS;
        const ULONG code = codes.front();
        codes.pop_front();
        return code;
    }

    static void fill(EVENT_TRACE_PROPERTIES& p, const Session& session) {
        const ULONG size = p.Wnode.BufferSize, name_at = p.LoggerNameOffset,
                    file_at = p.LogFileNameOffset;
        p = session.properties;
        p.Wnode.BufferSize = size;
        p.LoggerNameOffset = name_at;
        p.LogFileNameOffset = file_at;
        const auto put = [&](ULONG offset, const std::string& text) {
            const std::wstring wide = to_wide(text);
            std::memcpy(reinterpret_cast<char*>(&p) + offset, wide.c_str(),
                        (wide.size() + 1) * sizeof(wchar_t));
        };
        if (name_at != 0) put(name_at, session.name);
        if (file_at != 0) put(file_at, session.log_file);
    }

    void keep(const char* function, const wchar_t* name, const EVENT_TRACE_PROPERTIES& p,
              ULONG code) {
        SessionCall& call = sessions.emplace_back();
        call = {function, from_wide(name), code, {}, {}, text_at(p, p.LogFileNameOffset)};
        const bool version2 = (p.Wnode.Flags & WNODE_FLAG_VERSIONED_PROPERTIES) != 0;
        std::memcpy(&call.properties, &p, version2 ? sizeof(call.properties) : sizeof(p));
        for (ULONG i = 0; i < call.properties.FilterDescCount; ++i)
            call.filters.push_back(call.properties.FilterDesc[i]);
    }

    static ULONG WINAPI start_trace(TRACEHANDLE* handle, const wchar_t* name,
                                    EVENT_TRACE_PROPERTIES* p) {
        current_->keep("StartTrace", name, *p, 0);
        *handle = current_->handle;
        return take(current_->start_codes);
    }
    static ULONG WINAPI control_trace(TRACEHANDLE, const wchar_t* name, EVENT_TRACE_PROPERTIES* p,
                                      ULONG code) {
        current_->keep("ControlTrace", name, *p, code);
        const ULONG result = take(current_->control_codes);
        if (result == ERROR_SUCCESS && !current_->running.empty()) {
            fill(*p, current_->running.front());
        }
        return result;
    }
    static ULONG WINAPI query_all_traces(EVENT_TRACE_PROPERTIES** blocks, ULONG room,
                                         ULONG* count) {
        current_->list_rooms.push_back(room);
        *count = ULONG(current_->running.size());
        if (room > current_->most_sessions) return ERROR_INVALID_PARAMETER;
        if (!current_->tells_all_sessions) *count = std::min(*count, room);
        const bool too_little = current_->running.size() > room;
        if (current_->list_code != ERROR_SUCCESS) return current_->list_code;
        for (ULONG i = 0; i < *count && i < room; ++i) fill(*blocks[i], current_->running[i]);
        return too_little ? ULONG{ERROR_MORE_DATA} : ULONG{ERROR_SUCCESS};
    }
    static ULONG WINAPI enable_trace(TRACEHANDLE session, const GUID* provider, ULONG code,
                                     UCHAR level, ULONGLONG any, ULONGLONG all, ULONG timeout,
                                     ENABLE_TRACE_PARAMETERS* parameters) {
        EnableCall call{session, *provider, code, level, any, all, timeout, *parameters, {}};
        for (ULONG i = 0; i < parameters->FilterDescCount; ++i) {
            const EVENT_FILTER_DESCRIPTOR& filter = parameters->EnableFilterDesc[i];
            const auto* const from = reinterpret_cast<const uint8_t*>(uintptr_t(filter.Ptr));
            call.filters.push_back({filter.Type, {from, from + filter.Size}});
        }
        current_->enables.push_back(std::move(call));
        return take(current_->enable_codes);
    }
    static ULONG WINAPI enumerate_guids(TRACE_QUERY_INFO_CLASS what, void* in, ULONG in_size,
                                        void* out, ULONG out_size, ULONG* size) {
        EXPECT_TRUE(in == nullptr || in_size == sizeof(GUID));
        if (!current_->enumerate) {
            *size = 0;
            return ERROR_SUCCESS;
        }
        const auto answer = current_->enumerate(what, static_cast<const GUID*>(in));
        *size = ULONG(answer.size());
        if (answer.size() > out_size) return ERROR_INSUFFICIENT_BUFFER;
        if (!answer.empty()) std::memcpy(out, answer.data(), answer.size());
        return ERROR_SUCCESS;
    }

    static ULONG WINAPI enumerate_providers(PROVIDER_ENUMERATION_INFO* out, ULONG* size) {
        const ULONG room = std::exchange(*size, ULONG(current_->providers.size()));
        current_->provider_rooms.push_back(room);
        if (current_->provider_code != ERROR_SUCCESS) return current_->provider_code;
        if (*size > room) return ERROR_INSUFFICIENT_BUFFER;
        std::copy(current_->providers.begin(), current_->providers.end(),
                  reinterpret_cast<std::byte*>(out));
        return ERROR_SUCCESS;
    }

    static ULONG WINAPI set_information(TRACEHANDLE session, TRACE_INFO_CLASS what, void* data,
                                        ULONG size) {
        const auto* const from = static_cast<const uint8_t*>(data);
        current_->sets.push_back({session, int(what), {from, from + size}});
        return take(current_->set_codes);
    }
    static ULONG WINAPI query_information(TRACEHANDLE session, TRACE_INFO_CLASS what, void* data,
                                          ULONG room, ULONG* size) {
        EXPECT_EQ(session, 0u) << "of the whole system";
        EXPECT_EQ(what, TraceProfileSourceListInfo);
        current_->query_rooms.push_back(room);
        *size = ULONG(current_->sources.size());
        if (current_->query_code != ERROR_SUCCESS) return current_->query_code;
        if (*size > room) return ERROR_BAD_LENGTH;
        std::copy(current_->sources.begin(), current_->sources.end(),
                  static_cast<std::byte*>(data));
        return ERROR_SUCCESS;
    }
    static void take_profile_privilege() { ++current_->privileges; }

    static inline RecordingApi* current_ = nullptr;
    EtwApi table_ = [] {
        EtwApi api;
        api.start_trace = start_trace;
        api.control_trace = control_trace;
        api.query_all_traces = query_all_traces;
        api.enable_trace = enable_trace;
        api.enumerate_guids = enumerate_guids;
        api.enumerate_providers = enumerate_providers;
        api.set_information = set_information;
        api.query_information = query_information;
        api.take_profile_privilege = take_profile_privilege;
        return api;
    }();
};

}  // namespace etw::backend_windows
