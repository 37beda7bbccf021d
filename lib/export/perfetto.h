// Events as a trace for Perfetto (ui.perfetto.dev): a protocol buffer message of packets.
//
// What becomes what: processes and threads become tracks; an event becomes a moment on the track of
// its thread; what starts and stops becomes a slice; context switches and threads made ready become
// the kernel's scheduling events, from which the viewer draws its tracks of processors. Field
// numbers are those of google/perfetto's protos/perfetto/trace.
#pragma once
#include "export/exporter.h"
#include "export/out_file.h"
#include "export/process_names.h"
#include "export/proto_writer.h"
#include "render/out_buffer.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace etw::exports {

class Perfetto final : public Exporter {
public:
    static Result<std::unique_ptr<Perfetto>> create(const std::string& path);

    bool needs(const etl::Record& record) const override;
    Status add(const ExportEvent& event) override;
    Status finish(uint64_t events_lost) override;
    std::string report() const override;

private:
    // A start that waits for its stop.
    struct Open {
        Guid provider;
        wire::EventDescriptor descriptor;
        std::string stem;  // the name without "Start"
    };
    enum class Phase : uint8_t { kBegin = 1, kEnd = 2, kInstant = 3 };

    explicit Perfetto(OutFile file) : file_(std::move(file)) {}
    Status begin_trace(int64_t time);
    Status write_packet();
    size_t begin_packet(int64_t time);
    void end_packet(size_t begun, bool interned);

    Status add_names(const ProcessNames::Change& change, int64_t time);
    Status add_switch(const ExportEvent& in);
    Status add_waking(const ExportEvent& in);
    Status add_track_event(const ExportEvent& in);
    Status put_event(const ExportEvent& in, Phase phase, uint64_t track);
    Status close_above(std::vector<Open>& open, size_t keep, uint64_t track, int64_t time);
    void put_fields(const ExportEvent& in);
    void put_value(const decode::Item& item, size_t at, size_t size);

    Result<uint64_t> track_of(const ExportEvent& in);
    Result<uint64_t> process_track(uint32_t process, int64_t time);
    Result<uint64_t> thread_track(uint32_t process, uint32_t thread, int64_t time);
    Result<uint64_t> processor_track(uint16_t cpu, int64_t time);
    Status describe_track(uint64_t track, uint64_t parent, std::string_view name, int64_t time);

    class Interned {
    public:
        // The number of a text; 0 where there are too many already. `is_new`: it has to be said.
        uint64_t find(std::string_view text, bool& is_new);

    private:
        struct Hash : std::hash<std::string_view> {
            using is_transparent = void;
        };
        std::unordered_map<std::string, uint64_t, Hash, std::equal_to<>> numbers_;
    };
    void put_name(Interned& table, std::vector<std::pair<uint64_t, std::string>>& fresh,
                  uint32_t number_field, uint32_t text_field, std::string_view name);

    OutFile file_;
    ProtoWriter packet_;
    render::OutBuffer text_;
    std::string name_;
    ProcessNames names_;
    bool begun_ = false;

    Interned categories_, event_names_, field_names_;
    std::vector<std::pair<uint64_t, std::string>> fresh_categories_, fresh_events_, fresh_fields_;
    std::unordered_set<uint64_t> tracks_;                     // that were described
    std::unordered_map<uint32_t, uint32_t> lives_;            // of process ids: how often started
    std::unordered_map<uint64_t, std::vector<Open>> slices_;  // by track
    std::unordered_map<uint16_t, uint32_t> running_;          // thread by processor
    uint64_t events_ = 0, slice_count_ = 0, switches_ = 0, unmatched_ = 0;
};

}  // namespace etw::exports
