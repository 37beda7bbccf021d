// Where finished lines go.
#pragma once
#include "etw/result.h"

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace etw::render {

class Sink {
public:
    virtual ~Sink() = default;
    // All of it, in order. Fails with the code of the system call, errno in `where`.
    virtual Status write(std::string_view text) = 0;
    // Nothing is buffered, but a file can still report a failure when it is closed.
    virtual Status close() = 0;
};

class FileSink final : public Sink {
public:
    static Result<std::unique_ptr<FileSink>> create(const std::string& path);  // truncates
    static std::unique_ptr<FileSink> standard_output();
    ~FileSink() override;
    FileSink(const FileSink&) = delete;
    FileSink& operator=(const FileSink&) = delete;

    Status write(std::string_view text) override;
    Status close() override;

private:
    FileSink(std::FILE* file, bool owned) noexcept : file_(file), owned_(owned) {}
    std::FILE* file_;
    bool owned_;
};

// Writes to each of several sinks. A pipe whose reader has seen enough is left out from then on, as
// long as there is another sink.
class TeeSink final : public Sink {
public:
    explicit TeeSink(std::vector<std::unique_ptr<Sink>> sinks) : sinks_(std::move(sinks)) {}
    Status write(std::string_view text) override;
    Status close() override;

private:
    Status each(Status (*act)(Sink& sink, std::string_view text), std::string_view text);

    std::vector<std::unique_ptr<Sink>> sinks_;
};

}  // namespace etw::render
