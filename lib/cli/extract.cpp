#include "cli/extract.h"

#include "base/filetime.h"
#include "base/path.h"
#include "render/sink.h"
#include "tmf/binary.h"
#include "tmf/tmf_writer.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

namespace etw::cli {
namespace {

namespace fs = std::filesystem;

// When the file was written, FILETIME.
int64_t update_time(const std::string& path) {
    std::error_code error;
    const auto time = fs::last_write_time(to_path(path), error);
    if (error) return 0;
    const auto since_epoch = std::chrono::file_clock::to_sys(time).time_since_epoch();
    return filetime_from_unix_ns(
        std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count());
}

Status write_file(const std::string& path, const std::string& text) {
    ETW_TRY(const auto file, render::FileSink::create(path));
    ETW_CHECK(file->write(text));
    return file->close();
}

}  // namespace

void Extraction::add(const std::string& path) {
    auto binary = tmf::read_binary(path);
    if (!binary) {
        failures_.push_back({path, binary.error()});
        return;
    }
    sources_.push_back(
        {path, std::move(binary->messages), binary->damaged_parts, binary->skipped.size()});
}

void Extraction::add_images(const std::vector<std::string>& images, const SymbolPath& symbols) {
    std::vector<std::string> pdbs;
    for (const std::string& image : images) {
        details_(fmt::format("Searching for matching PDB to {}", image));
        details_(fmt::format("Current Symbol Search Path = {}", symbols.text()));
        const auto pdb = find_pdb(image, symbols, [&](const std::string& other) {
            details_(fmt::format("DBGHELP: {} - mismatched pdb", other));
        });
        if (pdb) {
            details_(fmt::format("DBGHELP: {} - OK", *pdb));
            pdbs.push_back(*pdb);
        } else if (pdb.error().code == Code::kNotSupported) {
            pdbs.push_back(image);  // no image of Windows: it may be one of ours
        } else if (pdb.error().code == Code::kFileNotFound && fs::exists(to_path(image))) {
            details_(fmt::format("{}: {}", image, pdb.error().what));
        } else {
            failures_.push_back({image, pdb.error()});
        }
    }
    if (pdbs.empty()) return;
    details_("Extracting TMF files out of found PDB files");
    for (const std::string& pdb : pdbs) add(pdb);
}

namespace {

class Writer {
public:
    Writer(const std::vector<Source>& sources, const WriteOptions& options)
        : sources_(sources), options_(options) {}

    Result<std::vector<std::string>, SourceFailure> run() {
        std::error_code shows_when_files_are_written;
        fs::create_directories(to_path(options_.folder), shows_when_files_are_written);
        if (options_.combined.empty()) {
            ETW_CHECK(write_tmf_files());
        } else {
            ETW_CHECK(write_combined());
        }
        for (const Source& source : sources_) {
            if (source.messages.empty()) continue;
            if (options_.control_files) ETW_CHECK(write_control_files(source));
            if (options_.mof) ETW_CHECK(write_mof(source));
        }
        return std::move(written_);
    }

private:
    using Done = Result<Ok, SourceFailure>;

    tmf::Origin origin(const Source& source) const {
        return {source.path, update_time(source.path), options_.tool};
    }
    std::string in_folder(const std::string& name) const {
        return to_text((to_path(options_.folder) / to_path(name)).lexically_normal());
    }

    Done write(const std::string& path, const Source& source, const std::string& text) {
        if (options_.writing) options_.writing(path, source);
        if (const auto done = write_file(path, text); !done) {
            return SourceFailure{path, done.error()};
        }
        written_.push_back(path);
        return Ok{};
    }

    // A header that several modules include has messages of one GUID in each of them.
    Done write_tmf_files() {
        struct File {
            const Source* source;
            tmf::MessageSet messages;
        };
        std::map<Guid, File> files;
        for (const Source& source : sources_) {
            for (const auto& [key, format] : source.messages.formats()) {
                files.try_emplace(key.guid, File{&source, {}}).first->second.messages.add(format);
            }
        }
        for (const auto& [guid, file] : files) {
            const std::string path = in_folder(to_string(guid) + ".tmf");
            ETW_CHECK(write(path, *file.source, tmf_text(origin(*file.source), file.messages)));
        }
        return Ok{};
    }

    Done write_combined() {
        tmf::MessageSet all;
        const Source* first = nullptr;
        for (const Source& source : sources_) {
            if (!source.messages.formats().empty() && first == nullptr) first = &source;
            all.add(source.messages);
        }
        if (first == nullptr) return Ok{};
        return write(options_.combined, *first, tmf_text(origin(*first), all));
    }

    Done write_control_files(const Source& source) {
        for (const tmf::ControlGuid& control : source.messages.controls()) {
            ETW_CHECK(write(in_folder(to_string(control.guid) + ".tmc"), source,
                            tmc_text(origin(source), control)));
        }
        return Ok{};
    }

    Done write_mof(const Source& source) {
        const std::string module = to_text(to_path(source.path).stem());
        return write(in_folder(module + ".mof"), source,
                     mof_text(origin(source), source.messages.controls()));
    }

    const std::vector<Source>& sources_;
    const WriteOptions& options_;
    std::vector<std::string> written_;
};

}  // namespace

Result<std::vector<std::string>, SourceFailure> write_files(const std::vector<Source>& sources,
                                                            const WriteOptions& options) {
    return Writer(sources, options).run();
}

}  // namespace etw::cli
