// Pages, tracepoints and sinks for tests of the kernel layer, without a kernel.
#pragma once
#include "base/byte_writer.h"
#include "kernel/dispatch.h"

#include <map>
#include <string>
#include <vector>

namespace etw::kernel {

// A page of the trace ring buffer, put together entry by entry.
class PageBuilder {
public:
    explicit PageBuilder(uint64_t time, uint64_t flags = 0) : time_(time), flags_(flags) {}

    PageBuilder& event(uint32_t delta, const std::vector<uint32_t>& words) {
        header(uint32_t(words.size()), delta);
        for (const uint32_t word : words) body_.write(word);
        return *this;
    }
    PageBuilder& header(uint32_t type, uint32_t delta) {
        body_.write(delta << 5 | type);
        return *this;
    }
    PageBuilder& word(uint32_t value) {
        body_.write(value);
        return *this;
    }
    std::vector<std::byte> build(size_t size = 4096) {
        ByteWriter out;
        out.write(time_);
        out.write(uint64_t{body_.size()} | flags_);
        out.append(body_.bytes());
        auto page = out.take();
        page.resize(std::max(size, page.size()));
        return page;
    }

private:
    uint64_t time_;
    uint64_t flags_;
    ByteWriter body_;
};

// Format files, as the kernel writes them.
inline std::string format_text(uint16_t id, const std::string& name, const std::string& fields) {
    return "name: " + name + "\nID: " + std::to_string(id) +
           "\nformat:\n"
           "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
           "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
           "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
           "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n" +
           fields + "\nprint fmt: \"%d\", REC->common_pid\n";
}

class FakeSink : public RecordSink {
public:
    struct Sent {
        uint32_t cpu;
        std::vector<std::byte> record;
        int64_t time;

        uint16_t hook() const { return at<uint16_t>(6); }
        uint8_t header_type() const { return at<uint8_t>(2); }
        uint8_t version() const { return at<uint8_t>(0); }
        template <class T>
        T at(size_t offset) const {
            T out{};
            if (offset + sizeof(T) <= record.size()) {
                std::memcpy(&out, record.data() + offset, sizeof(T));
            }
            return out;
        }
        bool contains(const std::u16string& text) const {
            const std::string_view all(reinterpret_cast<const char*>(record.data()), record.size());
            return all.find(std::string_view(reinterpret_cast<const char*>(text.data()),
                                             text.size() * 2)) != std::string_view::npos;
        }
        bool contains(const std::string& text) const {
            const std::string_view all(reinterpret_cast<const char*>(record.data()), record.size());
            return all.find(text) != std::string_view::npos;
        }
    };
    bool has_room(uint32_t) override { return !full; }
    void append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) override {
        sent.push_back({cpu, {record.begin(), record.end()}, time});
        int64_t written = 0;
        std::memcpy(&written, record.data() + time_offset, sizeof(written));
        ETW_ASSERT(written == time);
    }
    std::optional<int64_t> waiting_since() override { return std::nullopt; }
    void add_lost(uint64_t count) override { lost += count; }

    std::vector<Sent> of(uint16_t hook) const {
        std::vector<Sent> out;
        for (const Sent& s : sent) {
            if (s.hook() == hook) out.push_back(s);
        }
        return out;
    }
    std::vector<Sent> sent;
    uint64_t lost = 0;
    bool full = false;
};

}  // namespace etw::kernel
