// Reports and messages, as fmt::print() writes them, but without what that throws: where nobody
// reads them any more, or the disk is full, a tool still has its work to finish.
#pragma once
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace etw::cli {

template <class... Values>
void tell(std::FILE* to, fmt::format_string<Values...> text, Values&&... values) {
    const std::string out = fmt::format(text, std::forward<Values>(values)...);
    std::fwrite(out.data(), 1, out.size(), to);
}

}  // namespace etw::cli
