// What is known of events beyond what they say themselves: descriptions from manifests, trace
// message formats and the like, collected before events are decoded.
#pragma once
#include "etw/result.h"

#include <memory>
#include <string>
#include <vector>

namespace etw::decode {

struct CatalogImpl;

// What a file of trace message formats gave.
struct FormatsRead {
    struct Skipped {
        size_t line;         // from 1; of a binary: the how manieth of its strings
        const char* reason;  // string literal
    };
    size_t messages = 0;
    std::vector<Skipped> skipped;  // what could not be read
};

// Filled first, by one thread; decoders of any number of threads then share it unchanged.
class Catalog {
public:
    Catalog();
    ~Catalog();

    // Formats of trace messages. Of several for the same message the one that was added first
    // counts.
    //
    // A TMF file; it may hold those of several message GUIDs.
    Result<FormatsRead> add_tmf_file(const std::string& path);
    // A folder of files `GUID.tmf`, which are read when their messages occur.
    void add_tmf_folder(const std::string& path);
    // A Windows PDB, or a binary of ours or its separate debug file. kNotSupported where the file
    // is nothing that can hold formats.
    Result<FormatsRead> add_binary(const std::string& path);

    const CatalogImpl& impl() const noexcept { return *impl_; }

private:
    std::unique_ptr<CatalogImpl> impl_;
};

}  // namespace etw::decode
