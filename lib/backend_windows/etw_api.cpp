#include "backend_windows/etw_api.h"

#include <initializer_list>

namespace etw::backend_windows {
namespace {

// Windows 7 has ETW in advapi32, later systems in sechost, to which advapi32 forwards; which of
// them a function came to first differs. What is known of providers is asked of tdh.
template <class Function>
void look_up(Function& function, const char* name) {
    for (const wchar_t* library : {L"advapi32.dll", L"sechost.dll", L"tdh.dll"}) {
        const HMODULE module = ::LoadLibraryExW(library, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
        if (module == nullptr) continue;
        // By way of void*, which every function pointer fits into here, as GetProcAddress means it.
        if (void* const found = reinterpret_cast<void*>(::GetProcAddress(module, name))) {
            function = reinterpret_cast<Function>(found);
            return;
        }
    }
}

// Wine's functions of ETW say that all went well, or end the process: it has no sessions.
bool is_wine() {
    const HMODULE ntdll = ::GetModuleHandleW(L"ntdll.dll");
    return ntdll != nullptr && ::GetProcAddress(ntdll, "wine_get_version") != nullptr;
}

// Whether it could be had shows in the call that needs it.
void take_profile_privilege() {
    HANDLE token = nullptr;
    if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token) == FALSE) return;
    TOKEN_PRIVILEGES wanted{};
    wanted.PrivilegeCount = 1;
    wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    if (::LookupPrivilegeValueW(nullptr, L"SeSystemProfilePrivilege", &wanted.Privileges[0].Luid) !=
        FALSE) {
        ::AdjustTokenPrivileges(token, FALSE, &wanted, 0, nullptr, nullptr);
    }
    ::CloseHandle(token);
}

EtwApi resolve() {
    EtwApi api;
    if (is_wine()) return api;
    look_up(api.start_trace, "StartTraceW");
    look_up(api.control_trace, "ControlTraceW");
    look_up(api.query_all_traces, "QueryAllTracesW");
    look_up(api.enable_trace, "EnableTraceEx2");
    look_up(api.enumerate_guids, "EnumerateTraceGuidsEx");
    look_up(api.enumerate_providers, "TdhEnumerateProviders");
    look_up(api.open_trace, "OpenTraceW");
    look_up(api.process_trace, "ProcessTrace");
    look_up(api.close_trace, "CloseTrace");
    look_up(api.set_information, "TraceSetInformation");
    look_up(api.query_information, "TraceQueryInformation");
    api.take_profile_privilege = take_profile_privilege;
    look_up(api.create_key, "RegCreateKeyExW");
    look_up(api.open_key, "RegOpenKeyExW");
    look_up(api.query_value, "RegQueryValueExW");
    look_up(api.set_value, "RegSetValueExW");
    look_up(api.delete_value, "RegDeleteValueW");
    look_up(api.delete_tree, "RegDeleteTreeW");
    look_up(api.enum_key, "RegEnumKeyExW");
    look_up(api.close_key, "RegCloseKey");
    return api;
}

}  // namespace

const EtwApi& system_api() {
    static const EtwApi api = resolve();
    return api;
}

}  // namespace etw::backend_windows
