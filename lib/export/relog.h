// A log from logs: fewer events, their bytes unchanged, and all that makes a log of them.
//
// Records go into one buffer for each processor, in order of time, and a full buffer goes to the
// file. So each processor's buffers follow each other in time, as readers expect it. The header
// event is that of the (first) log, but for what is no longer true of the new file.
#pragma once
#include "etw/log_reader.h"
#include "export/exporter.h"
#include "export/out_file.h"

#include <deque>
#include <map>
#include <span>
#include <unordered_set>
#include <vector>

namespace etw::exports {

struct RelogOptions {
    // Records that name the threads, images and parts of the system are kept though a filter leaves
    // them out. Those that name processes and describe events always are.
    bool keep_machine = true;
};

class Relog final : public Exporter {
public:
    // Fails with kInvalidParameter where the logs have different clocks: their time stamps cannot
    // stand in one log. Events have to come in order of their raw time stamps.
    static Result<std::unique_ptr<Relog>> create(const std::string& path,
                                                 std::span<const etl::LogReader> logs,
                                                 const RelogOptions& options);

    bool needs(const etl::Record& record) const override;
    Status add(const ExportEvent& event) override;
    Status finish(uint64_t events_lost) override;
    std::string report() const override;

private:
    Relog(OutFile file, std::span<const etl::LogReader> logs, const RelogOptions& options);

    bool is_header(const etl::Record& record) const noexcept;
    size_t names_offset() const noexcept;
    Status append(const etl::Record& record);
    Status flush(uint16_t cpu, std::vector<std::byte>& records);
    Status write_pending(bool last);
    void remember(const etl::Record& record);
    std::vector<std::byte> header_buffer() const;

    OutFile file_;
    RelogOptions options_;
    bool merges_;
    etl::LogHeader base_;  // of the log that began first
    etl::TimeConverter clock_;
    uint32_t buffer_size_;  // the largest of the logs
    uint32_t processors_;
    int64_t end_time_;  // FILETIME; 0: none of the logs was finished
    uint64_t events_lost_ = 0;
    uint32_t buffers_lost_ = 0;

    std::vector<std::byte> header_event_;  // as it was
    std::map<uint16_t, std::vector<std::byte>> open_;
    std::vector<std::byte> pending_;  // the newest buffer, which may be the last
    int64_t newest_;                  // raw time stamp
    int64_t sequence_ = 0;            // of the newest data buffer
    uint64_t events_ = 0, kept_ = 0, too_large_ = 0;

    // Raw times of kernel events that were kept: stack walks that follow belong to them.
    std::deque<int64_t> recent_;
    std::unordered_multiset<int64_t> recent_times_;
};

}  // namespace etw::exports
