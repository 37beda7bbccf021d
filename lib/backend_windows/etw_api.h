// The system's functions that this backend calls, behind one table: a test puts its own in their
// place and sees every call with all its bytes.
#pragma once
#include "backend_windows/windows.h"

namespace etw::backend_windows {

// A null entry: this system does not have it. Those that Windows 7 and later have are called
// through the table only after a look at that.
struct EtwApi {
    decltype(&::StartTraceW) start_trace = nullptr;
    decltype(&::ControlTraceW) control_trace = nullptr;
    decltype(&::QueryAllTracesW) query_all_traces = nullptr;
    decltype(&::EnableTraceEx2) enable_trace = nullptr;
    decltype(&::EnumerateTraceGuidsEx) enumerate_guids = nullptr;
    decltype(&::TdhEnumerateProviders) enumerate_providers = nullptr;
    decltype(&::OpenTraceW) open_trace = nullptr;
    decltype(&::ProcessTrace) process_trace = nullptr;
    decltype(&::CloseTrace) close_trace = nullptr;
    decltype(&::TraceSetInformation) set_information = nullptr;      // Windows 7
    decltype(&::TraceQueryInformation) query_information = nullptr;  // Windows 8
    // Takes SeSystemProfilePrivilege for this process, where it may have that: without it, the
    // intervals of samples cannot be set.
    void (*take_profile_privilege)() = nullptr;
    decltype(&::RegCreateKeyExW) create_key = nullptr;
    decltype(&::RegOpenKeyExW) open_key = nullptr;
    decltype(&::RegQueryValueExW) query_value = nullptr;
    decltype(&::RegSetValueExW) set_value = nullptr;
    decltype(&::RegDeleteValueW) delete_value = nullptr;
    decltype(&::RegDeleteTreeW) delete_tree = nullptr;
    decltype(&::RegEnumKeyExW) enum_key = nullptr;
    decltype(&::RegCloseKey) close_key = nullptr;
};

// Looked up in advapi32.dll, sechost.dll and tdh.dll, once.
const EtwApi& system_api();

}  // namespace etw::backend_windows
