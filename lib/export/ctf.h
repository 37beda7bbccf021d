// Events as a trace in the Common Trace Format 1.8: a folder with a stream of packets for each
// processor, and the metadata that describes them. https://diamon.org/ctf/v1.8.3
//
// Each kind of event becomes an event class with its own fields. Context switches and threads made
// ready are named and laid out as LTTng's, so that tools which know Linux's scheduler show them.
#pragma once
#include "export/ctf_fields.h"
#include "export/exporter.h"
#include "export/process_names.h"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

namespace etw::exports {

class Ctf final : public Exporter {
public:
    // The folder must not exist, or be empty. Until finish() it is `NAME.part`.
    static Result<std::unique_ptr<Ctf>> create(const std::string& folder);
    ~Ctf() override;

    bool needs(const etl::Record& record) const override;
    Status add(const ExportEvent& event) override;
    Status finish(uint64_t events_lost) override;
    std::string report() const override;

private:
    // The packet that a processor's events are collected in.
    struct Stream {
        ByteWriter events;
        uint64_t begin = 0, last = 0;  // times
        uint64_t packets = 0;
    };
    static constexpr size_t kPacketSize = 64 * 1024;  // a packet is full from here on
    // A log can have as many kinds of events as it has records: the rest share a class of their
    // own.
    static constexpr size_t kMaxClasses = 65'536;
    static constexpr size_t kMaxDeclared = size_t{64} << 20;  // bytes of metadata

    Ctf(std::filesystem::path folder, std::filesystem::path part)
        : folder_(std::move(folder)), part_(std::move(part)) {}
    std::string collect_fields(const ExportEvent& in);
    uint32_t class_of(const ExportEvent& in, const std::string& name);
    void declare(const std::string& name, uint8_t level);
    Status write_packet(uint16_t cpu, Stream& stream, uint64_t events_lost);
    std::string metadata() const;

    std::filesystem::path folder_;
    std::filesystem::path part_;  // "" when it has its name
    ProcessNames names_;
    CtfFields fields_;
    std::unordered_map<std::string, uint32_t> classes_;
    std::string key_;
    std::string declarations_;
    std::map<uint16_t, Stream> streams_;
    bool schedules_ = false;
    uint64_t events_ = 0;
};

}  // namespace etw::exports
