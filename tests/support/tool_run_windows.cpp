#include "base/utf16.h"
#include "support/tool_run.h"

#include <windows.h>

#include <algorithm>
#include <cwchar>
#include <string_view>

namespace etw::test {
namespace {

std::wstring wide(const std::string& text) {
    const std::u16string units = to_utf16(text);
    return {units.begin(), units.end()};
}

// What the shell makes of them: words without the quotes around them.
std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    bool quoted = false, in_word = false;
    for (const char c : text) {
        if (c == ' ' && !quoted) {
            in_word = false;
            continue;
        }
        if (!in_word) words.emplace_back();
        in_word = true;
        if (c == '\'') {
            quoted = !quoted;
        } else {
            words.back() += c;
        }
    }
    return words;
}

// As a program's start-up code takes a command line apart again; no word of a test has a quote or
// ends in a backslash.
std::wstring command_line(const ToolRun& run) {
    std::wstring line = L"\"" + wide(run.program) + L"\"";
    for (const std::string& word : split_words(run.arguments)) line += L" \"" + wide(word) + L"\"";
    return line;
}

bool sets(const std::wstring& setting, const std::wstring& name) {
    return setting.size() > name.size() && setting[name.size()] == L'=' &&
           _wcsnicmp(setting.c_str(), name.c_str(), name.size()) == 0;
}

// Settings that end in a 0 each, and one more.
std::wstring environment_block(const ToolRun& run) {
    std::vector<std::wstring> settings;
    wchar_t* const inherited = ::GetEnvironmentStringsW();
    for (const wchar_t* at = inherited; *at != 0; at += settings.back().size() + 1) {
        settings.emplace_back(at);
    }
    ::FreeEnvironmentStringsW(inherited);
    std::vector<std::string> replaced = run.without;
    for (const std::string& setting : run.environment) {
        replaced.push_back(setting.substr(0, setting.find('=')));
    }
    for (const std::string& name : replaced) {
        std::erase_if(settings, [&](const auto& setting) { return sets(setting, wide(name)); });
    }
    for (const std::string& setting : run.environment) settings.push_back(wide(setting));
    std::wstring block;
    for (const std::wstring& setting : settings) block += setting + L'\0';
    return block + L'\0';
}

HANDLE open_output(const std::string& path) {
    SECURITY_ATTRIBUTES inherit{sizeof(inherit), nullptr, TRUE};
    return ::CreateFileW(wide(path).c_str(), GENERIC_WRITE, FILE_SHARE_READ, &inherit,
                         CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
}

}  // namespace

int run_tool(const ToolRun& run) {
    STARTUPINFOW start{};
    start.cb = sizeof(start);
    start.dwFlags = STARTF_USESTDHANDLES;
    start.hStdInput = INVALID_HANDLE_VALUE;
    start.hStdOutput = open_output(run.folder + "/out");
    start.hStdError = open_output(run.folder + "/err");
    std::wstring line = command_line(run), environment = environment_block(run);
    PROCESS_INFORMATION process{};
    DWORD status = DWORD(-1);
    if (::CreateProcessW(nullptr, line.data(), nullptr, nullptr, TRUE, CREATE_UNICODE_ENVIRONMENT,
                         environment.data(), wide(run.folder).c_str(), &start, &process)) {
        ::WaitForSingleObject(process.hProcess, INFINITE);
        ::GetExitCodeProcess(process.hProcess, &status);
        ::CloseHandle(process.hThread);
        ::CloseHandle(process.hProcess);
    }
    ::CloseHandle(start.hStdOutput);
    ::CloseHandle(start.hStdError);
    return int(status);
}

}  // namespace etw::test
