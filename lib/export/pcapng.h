// The packets of a packet capture as a pcapng file, for Wireshark and its like:
// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html
#pragma once
#include "base/byte_writer.h"
#include "export/exporter.h"
#include "export/out_file.h"
#include "export/packets.h"
#include "export/process_names.h"

#include <map>
#include <memory>

namespace etw::exports {

class Pcapng final : public Exporter {
public:
    // To standard output each packet goes out as it comes, for a viewer that reads a pipe.
    static Result<std::unique_ptr<Pcapng>> create(const std::string& path);

    bool needs(const etl::Record& record) const override;
    Status add(const ExportEvent& event) override;
    Status finish(uint64_t events_lost) override;
    std::string report() const override;

private:
    // A capture can name as many interfaces as it has packets: those after these many are left out.
    static constexpr size_t kMaxInterfaces = 65'536;

    // A block's options, each padded to 4 bytes.
    class Options {
    public:
        void add(uint16_t code, Bytes value);
        void add(uint16_t code, std::string_view text) {
            add(code, std::as_bytes(std::span(text)));
        }
        ByteWriter& end();

    private:
        ByteWriter out_;
    };

    Pcapng(OutFile file, bool live) : file_(std::move(file)), live_(live) {}
    Status write_block(uint32_t type, Bytes body);
    Status begin();
    Result<uint32_t> number_of(const Packet& packet);
    Status write_packet(const ExportEvent& in, const Packet& packet);
    std::string comment(const ExportEvent& in, const Packet& packet) const;

    OutFile file_;
    bool live_;
    PacketReader packets_;
    ProcessNames names_;
    std::map<Interface, uint32_t> interfaces_;  // numbered in order of appearance
    bool begun_ = false;
    uint64_t count_ = 0, left_out_ = 0;
};

}  // namespace etw::exports
