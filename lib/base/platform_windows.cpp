// The manifest of the tools makes UTF-8 the code page of names (Windows 10 1903 and later); what is
// asked of the system here is asked in UTF-16.
#include "base/platform.h"
#include "base/utf16.h"

#ifndef NOMINMAX
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
//
#include <fmt/format.h>

#include <fcntl.h>
#include <io.h>

#include <cstdlib>

namespace etw {

// The C library takes any device for a terminal, NUL among them.
bool is_terminal(std::FILE* file) noexcept {
    const intptr_t handle = ::_get_osfhandle(::_fileno(file));
    DWORD mode = 0;
    return ::GetConsoleMode(reinterpret_cast<HANDLE>(handle), &mode) != 0;
}

void prepare_output() {
    static const UINT before = ::GetConsoleOutputCP();
    ::_setmode(::_fileno(stdout), _O_BINARY);
    ::_setmode(::_fileno(stderr), _O_BINARY);
    if (before == 0 || before == CP_UTF8) return;  // no console, or nothing to do
    ::SetConsoleOutputCP(CP_UTF8);
    std::atexit([] { ::SetConsoleOutputCP(before); });  // it is the shell's console, too
}

bool read_input_to_its_end() noexcept {
    char bytes[256];
    for (;;) {
        const int n = ::_read(0, bytes, sizeof(bytes));
        if (n <= 0) return n == 0;
    }
}

bool local_calendar_time(std::time_t seconds, std::tm& out) noexcept {
    return ::localtime_s(&out, &seconds) == 0;
}

std::string executable_folder() {
    char16_t path[4096];
    const DWORD length =
        ::GetModuleFileNameW(nullptr, reinterpret_cast<wchar_t*>(path), DWORD(std::size(path)));
    if (length == 0 || length == std::size(path)) return {};
    const std::string text = to_utf8({path, length});
    return text.substr(0, text.find_last_of("/\\"));
}

// GetVersionEx tells what the manifest says that the program was written for.
std::string os_version() {
    using GetVersion = LONG(WINAPI*)(OSVERSIONINFOW*);
    const HMODULE ntdll = ::GetModuleHandleW(L"ntdll.dll");
    const auto get_version = reinterpret_cast<GetVersion>(
        reinterpret_cast<void*>(::GetProcAddress(ntdll, "RtlGetVersion")));
    OSVERSIONINFOW version{};
    version.dwOSVersionInfoSize = sizeof(version);
    if (get_version == nullptr || get_version(&version) != 0) return {};
    return fmt::format("{}.{}.{}", version.dwMajorVersion, version.dwMinorVersion,
                       version.dwBuildNumber);
}

std::string system_text(uint32_t code) {
    char16_t text[1024];
    const DWORD length = ::FormatMessageW(
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
        nullptr, code, 0, reinterpret_cast<wchar_t*>(text), DWORD(std::size(text)), nullptr);
    std::string utf8 = to_utf8({text, length});
    utf8.erase(utf8.find_last_not_of(" \r\n") + 1);
    return utf8;
}

// Users have no numbers there.
std::string user_name(uint32_t) { return {}; }

}  // namespace etw
