// What feeds the converters of the classes, and takes what they make of it.
#pragma once
#include "kernel/events/disk_events.h"
#include "kernel/events/interrupt_events.h"
#include "kernel/events/net_events.h"
#include "kernel/events/task_events.h"
#include "synthetic.h"

#include <gtest/gtest.h>

#include <optional>

namespace etw::kernel {

constexpr uint8_t kSystem64 = uint8_t(wire::HeaderType::kSystem64);
constexpr uint8_t kPerfInfo64 = uint8_t(wire::HeaderType::kPerfInfo64);
constexpr size_t kSystemPayload = sizeof(wire::SystemHeader);
constexpr size_t kPerfInfoPayload = sizeof(wire::PerfInfoHeader);

inline std::string field(const char* type_and_name, size_t offset, size_t size) {
    return std::string("\tfield:") + type_and_name + ";\toffset:" + std::to_string(offset) +
           ";\tsize:" + std::to_string(size) + ";\tsigned:0;\n";
}

// The tracepoints that these tests feed, with offsets of their own: none may be built in.
struct Point {
    const char* name;
    uint16_t id;
    std::string fields;
};

inline std::vector<Point> points() {
    const std::string ends = field("void * skaddr", 8, 8) + field("__u16 sport", 16, 2) +
                             field("__u16 dport", 18, 2) + field("__u16 family", 20, 2) +
                             field("__u8 saddr[4]", 24, 4) + field("__u8 daddr[4]", 28, 4) +
                             field("__u8 saddr_v6[16]", 32, 16) +
                             field("__u8 daddr_v6[16]", 48, 16);
    return {
        {"task_newtask", 1,
         field("pid_t pid", 8, 4) + field("char comm[16]", 12, 16) +
             field("u64 clone_flags", 32, 8)},
        {"sched_process_exec", 2,
         field("pid_t pid", 8, 4) + field("pid_t old_pid", 12, 4) +
             field("__data_loc char[] filename", 16, 4)},
        {"sched_process_exit", 3,
         field("char comm[16]", 8, 16) + field("pid_t pid", 24, 4) +
             field("bool group_dead", 28, 1)},
        {"task_rename", 4, field("pid_t pid", 8, 4) + field("char newcomm[16]", 12, 16)},
        {"sched_switch", 5,
         field("pid_t prev_pid", 8, 4) + field("int prev_prio", 12, 4) +
             field("long prev_state", 16, 8) + field("pid_t next_pid", 24, 4) +
             field("int next_prio", 28, 4)},
        {"sched_waking", 6, field("pid_t pid", 8, 4)},
        {"sched_wakeup_new", 7, field("pid_t pid", 8, 4)},
        {"block_rq_issue", 8,
         field("dev_t dev", 8, 4) + field("sector_t sector", 16, 8) +
             field("unsigned int nr_sector", 24, 4) + field("char rwbs[8]", 28, 8)},
        {"block_rq_complete", 9,
         field("dev_t dev", 8, 4) + field("sector_t sector", 16, 8) +
             field("unsigned int nr_sector", 24, 4) + field("char rwbs[8]", 28, 8)},
        {"inet_sock_set_state", 10,
         ends + field("int oldstate", 64, 4) + field("int newstate", 68, 4) +
             field("__u16 protocol", 72, 2)},
        {"tcp_retransmit_skb", 11, ends + field("int err", 64, 4)},
        {"tcp_rcv_space_adjust", 18, ends},
        {"sock_send_length", 12,
         field("void * sk", 8, 8) + field("__u16 family", 16, 2) + field("__u16 protocol", 18, 2) +
             field("int ret", 20, 4) + field("int flags", 24, 4)},
        {"sock_recv_length", 13,
         field("void * sk", 8, 8) + field("__u16 family", 16, 2) + field("__u16 protocol", 18, 2) +
             field("int ret", 20, 4) + field("int flags", 24, 4)},
        {"softirq_entry", 14, field("unsigned int vec", 8, 4)},
        {"softirq_exit", 15, field("unsigned int vec", 8, 4)},
        {"block_rq_insert", 16,
         field("dev_t dev", 8, 4) + field("sector_t sector", 16, 8) +
             field("unsigned int nr_sector", 24, 4) + field("char rwbs[8]", 28, 8)},
        {"block_rq_requeue", 17,
         field("dev_t dev", 8, 4) + field("sector_t sector", 16, 8) +
             field("unsigned int nr_sector", 24, 4) + field("char rwbs[8]", 28, 8)},
        {"page_fault_user", 19,
         field("unsigned long address", 8, 8) + field("unsigned long ip", 16, 8) +
             field("unsigned long error_code", 24, 8)},
        {"page_fault_kernel", 20,
         field("unsigned long address", 8, 8) + field("unsigned long ip", 16, 8) +
             field("unsigned long error_code", 24, 8)},
        {"mm_filemap_fault", 21, field("unsigned long i_ino", 8, 8)},
        {"mm_filemap_add_to_page_cache", 22,
         field("unsigned long i_ino", 8, 8) + field("unsigned long index", 16, 8) +
             field("unsigned char order", 24, 1)},
    };
}

class Converters : public testing::Test {
protected:
    static constexpr uint32_t kAll = kKernelProcess | kKernelThread | kKernelContextSwitch |
                                     kKernelDispatcher | kKernelDiskIo | kKernelDiskIoInit |
                                     kKernelNetwork | kKernelDpc;

    void bind(uint32_t flags = kAll) {
        context_.flags = flags;
        dispatch_ =
            Dispatch([](const std::string& system, const std::string& name) -> Result<Format> {
                for (const Point& point : points()) {
                    if (point.name != name) continue;
                    return Format::parse(format_text(point.id, name, point.fields), system.c_str());
                }
                return Error{Code::kFileNotFound, "no such tracepoint", 0};
            });
        ASSERT_TRUE(tasks_events_.bind(dispatch_));
        ASSERT_TRUE(disk_.bind(dispatch_));
        ASSERT_TRUE(net_.bind(dispatch_));
        ASSERT_TRUE(interrupts_->bind(dispatch_));
    }

    static Process process(uint32_t pid, std::string image) {
        Process out;
        out.pid = pid;
        out.image = std::move(image);
        return out;
    }

    // An event: values at offsets, behind the entry's head.
    struct Value {
        size_t offset;
        std::vector<std::byte> bytes;
    };
    template <class T>
    static Value at(size_t offset, const T& value) {
        ByteWriter out;
        out.write(value);
        return {offset, out.take()};
    }
    static Value text(size_t offset, const std::string& value) {
        ByteWriter out;
        out.append_text(value + '\0');
        return {offset, out.take()};
    }
    void feed(uint16_t id, int64_t time, uint32_t thread, const std::vector<Value>& values,
              uint32_t cpu = 0) {
        std::vector<std::byte> data(128);
        std::memcpy(data.data(), &id, sizeof(id));
        std::memcpy(data.data() + 4, &thread, sizeof(thread));
        for (const Value& value : values) {
            std::memcpy(data.data() + value.offset, value.bytes.data(), value.bytes.size());
        }
        dispatch_(RawEvent{cpu, time, data});
    }
    void fork(uint32_t parent, uint32_t child, uint64_t flags = 0, int64_t time = 10) {
        feed(1, time, parent, {at(8, child), text(12, "shell"), at(32, flags)});
    }
    void exec(uint32_t pid, const std::string& file, uint32_t old_thread, int64_t time = 20) {
        const auto place = uint32_t((file.size() + 1) << 16 | 40);
        feed(2, time, pid, {at(8, pid), at(12, old_thread), at(16, place), text(40, file)});
    }
    void exit(uint32_t thread, bool last, int64_t time = 30) {
        feed(3, time, thread, {text(8, "ended"), at(24, thread), at(28, uint8_t(last))});
    }
    std::vector<Value> socket_ends(uint16_t local_port, uint16_t remote_port) {
        return {at(8, uint64_t{0xABC}), at(16, local_port),           at(18, remote_port),
                at(20, uint16_t{2}),    at(24, uint32_t{0x0100007F}), at(28, uint32_t{0x0200007F})};
    }
    void set_state(uint32_t thread, uint32_t from, uint32_t to, uint16_t local_port = 4000,
                   uint16_t remote_port = 80) {
        auto values = socket_ends(local_port, remote_port);
        values.push_back(at(64, from));
        values.push_back(at(68, to));
        values.push_back(at(72, uint16_t{6}));
        feed(10, 100, thread, values);
    }
    // Of the whole that the connection of socket_ends() is a part of.
    void set_multipath_state(uint32_t from, uint32_t to, uint16_t local_port,
                             uint16_t remote_port) {
        auto values = socket_ends(local_port, remote_port);
        values.push_back(at(8, uint64_t{0xDEF}));
        values.push_back(at(64, from));
        values.push_back(at(68, to));
        values.push_back(at(72, uint16_t{262}));
        feed(10, 100, 0, values);
    }
    void transfer(bool sent, uint32_t size, uint32_t flags = 0, uint16_t protocol = 6,
                  uint64_t socket = 0xABC) {
        feed(sent ? 12 : 13, 200, 300,
             {at(8, socket), at(16, uint16_t{2}), at(18, protocol), at(20, size), at(24, flags)});
    }

    // Of the connection that socket_ends() tells of.
    void found_acceptance(uint32_t process, int64_t time, uint64_t protocol = 6) {
        Acceptance out{};
        out.socket = protocol == 6 ? 0xABC : 0xDEF;
        out.protocol = protocol;
        out.ends.family = 2;
        out.ends.local_port = 8080;
        out.ends.remote_port = 0x8813;  // 5000, as on the wire
        out.ends.local = {127, 0, 0, 1};
        out.ends.remote = {127, 0, 0, 2};
        net_.found(out, found(process, time));
    }
    static ProbeRecord found(uint32_t process, int64_t time) {
        ProbeRecord out;
        out.time = time;
        out.process = out.thread = process;
        return out;
    }
    uint32_t only_accept() {
        const auto accepts = sink_.of(0x060F);
        return accepts.size() == 1 ? accepts[0].at<uint32_t>(kPerfInfoPayload) : 0;
    }

    FakeSink sink_;
    Tasks tasks_;
    Execs execs_;
    Context context_{sink_, tasks_, 1'000'000, kAll};
    TaskEvents tasks_events_{context_, execs_};
    DiskEvents disk_{context_};
    NetEvents net_{context_};
    std::optional<InterruptEvents> interrupts_{std::in_place, context_};
    Dispatch dispatch_{nullptr};
};

}  // namespace etw::kernel
