// A file that appears under its name when it is complete. Until then it is `NAME.part` beside it.
#pragma once
#include "etw/bytes.h"
#include "etw/result.h"

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace etw::exports {

constexpr char kPartSuffix[] = ".part";
constexpr char kStandardOutput[] = "-";

class OutFile {
public:
    // "-" is standard output. What exists and is no regular file (a pipe, a device) is written to
    // directly.
    static Result<OutFile> create(const std::string& path);
    OutFile(OutFile&&) = default;
    OutFile& operator=(OutFile&&) = default;
    ~OutFile();  // a file that was not finished is removed

    Status write(Bytes bytes);
    Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
    // Over what was written at the front. Not of standard output, which is no file to go back in.
    Status write_front(Bytes bytes);
    // What was written so far goes out now: whoever reads standard output may be waiting.
    Status flush();
    Status finish();

private:
    struct Closer {
        void operator()(std::FILE* file) const noexcept;
    };
    OutFile(std::FILE* file, std::string path, std::string part);

    std::unique_ptr<std::FILE, Closer> file_;
    std::string path_;
    std::string part_;  // "": no file of its own
};

}  // namespace etw::exports
