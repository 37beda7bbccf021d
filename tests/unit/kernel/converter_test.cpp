#include "kernel/events/disk_events.h"
#include "kernel/events/interrupt_events.h"
#include "kernel/events/net_events.h"
#include "kernel/events/task_events.h"
#include "synthetic.h"

#include <gtest/gtest.h>

#include <optional>

namespace etw::kernel {
namespace {

constexpr uint8_t kSystem64 = uint8_t(wire::HeaderType::kSystem64);
constexpr uint8_t kPerfInfo64 = uint8_t(wire::HeaderType::kPerfInfo64);
constexpr size_t kSystemPayload = sizeof(wire::SystemHeader);
constexpr size_t kPerfInfoPayload = sizeof(wire::PerfInfoHeader);

std::string field(const char* type_and_name, size_t offset, size_t size) {
    return std::string("\tfield:") + type_and_name + ";\toffset:" + std::to_string(offset) +
           ";\tsize:" + std::to_string(size) + ";\tsigned:0;\n";
}

// The tracepoints that these tests feed, with offsets of their own: none may be built in.
struct Point {
    const char* name;
    uint16_t id;
    std::string fields;
};

std::vector<Point> points() {
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
        {"tcp_retransmit_skb", 11, ends},
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

TEST_F(Converters, AProcessEndsWithTheStatusThatWasFound) {
    bind();
    fork(100, 101);
    tasks_events_.found_exit(101, 137);
    exit(101, true);
    const auto ends = sink_.of(0x0302);
    ASSERT_EQ(ends.size(), 1u);
    EXPECT_EQ(ends[0].at<int32_t>(kSystemPayload + 20), 137);
}

TEST_F(Converters, AForkIsAProcessAndAThreadOfTheParentsProgram) {
    bind();
    Process shell = process(100, "bash");
    shell.uid = 1000;
    shell.command_line = "bash -i";
    tasks_.add(std::move(shell));
    fork(100, 200);
    const auto start = sink_.of(0x0301);
    ASSERT_EQ(start.size(), 1u);
    EXPECT_EQ(start[0].header_type(), kSystem64);
    EXPECT_EQ(start[0].version(), 4);
    EXPECT_EQ(start[0].at<uint32_t>(8), 100u);  // who did it
    EXPECT_EQ(start[0].at<uint32_t>(kSystemPayload + 8), 200u);
    EXPECT_EQ(start[0].at<uint32_t>(kSystemPayload + 12), 100u);
    EXPECT_TRUE(start[0].contains(std::string("bash")));
    EXPECT_TRUE(start[0].contains(u"bash -i"));
    // S-1-22-1-1000, behind 16 bytes of TOKEN_USER.
    EXPECT_EQ(start[0].at<uint8_t>(kSystemPayload + 36 + 16 + 7), 22);
    EXPECT_EQ(start[0].at<uint32_t>(kSystemPayload + 36 + 16 + 12), 1000u);
    ASSERT_EQ(sink_.of(0x0501).size(), 1u);
    EXPECT_EQ(sink_.of(0x0501)[0].at<uint32_t>(kSystemPayload + 4), 200u);
}

TEST_F(Converters, AThreadBelongsToItsCreatorsProcess) {
    bind();
    tasks_.add(process(100, "server"));
    fork(100, 101, 0x00010000);
    EXPECT_TRUE(sink_.of(0x0301).empty());
    ASSERT_EQ(sink_.of(0x0501).size(), 1u);
    EXPECT_EQ(sink_.of(0x0501)[0].at<uint32_t>(kSystemPayload), 100u);
    EXPECT_EQ(tasks_.process_of(101), 100u);
}

TEST_F(Converters, AStartTellsTheProgramThatFollows) {
    bind();
    tasks_.add(process(100, "bash"));
    execs_.expect(200, 20, "/usr/bin/make");
    Process look = process(200, "");
    look.uid = 5;
    look.command_line = "make -j2";
    execs_.found(std::move(look));
    fork(100, 200);
    exec(200, "/usr/bin/make", 200);
    const auto start = sink_.of(0x0301);
    ASSERT_EQ(start.size(), 1u);
    EXPECT_TRUE(start[0].contains(std::string("make")));
    EXPECT_TRUE(start[0].contains(u"make -j2"));
    EXPECT_TRUE(sink_.of(0x0303).empty());
    exit(200, true);
    ASSERT_EQ(sink_.of(0x0302).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0302)[0].contains(u"make -j2"));
    EXPECT_EQ(tasks_.find(200), nullptr);
}

TEST_F(Converters, AStartTellsTheFirstOfTwoPrograms) {
    bind();
    tasks_.add(process(100, "bash"));
    // From the page of one processor, and then from that of another.
    execs_.expect(200, 30, "/usr/bin/echo");
    execs_.expect(200, 20, "/usr/bin/env");
    fork(100, 200);
    ASSERT_EQ(sink_.of(0x0301).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0301)[0].contains(std::string("env")));
    exec(200, "/usr/bin/env", 200, 20);
    ASSERT_NE(execs_.next_file(200), nullptr);
    EXPECT_EQ(*execs_.next_file(200), "/usr/bin/echo");
}

TEST_F(Converters, AProcessThatTurnsToAnotherProgramIsToldOnceMore) {
    bind();
    tasks_.add(process(100, "bash"));
    exec(100, "/bin/env", 100);
    ASSERT_EQ(sink_.of(0x0303).size(), 1u);
    EXPECT_EQ(sink_.of(0x0303)[0].header_type(), kPerfInfo64);
    EXPECT_TRUE(sink_.of(0x0303)[0].contains(std::string("env")));
    // Not looked at in time: the file's name stands for the arguments.
    EXPECT_TRUE(sink_.of(0x0303)[0].contains(u"/bin/env"));
}

TEST_F(Converters, AThreadThatExecsBecomesTheFirst) {
    bind();
    tasks_.add(process(100, "java"));
    tasks_.add_thread({105, 100, "worker"});
    exec(100, "/bin/sh", 105);
    ASSERT_EQ(sink_.of(0x0502).size(), 1u);
    EXPECT_EQ(sink_.of(0x0502)[0].at<uint32_t>(kSystemPayload + 4), 105u);
    EXPECT_EQ(tasks_.find_thread(105), nullptr);
    // The one that was the first has ended before, with its number.
    ASSERT_EQ(sink_.of(0x0501).size(), 1u);
    EXPECT_EQ(sink_.of(0x0501)[0].at<uint32_t>(kSystemPayload + 4), 100u);
    EXPECT_TRUE(sink_.of(0x0501)[0].contains(u"sh"));
    ASSERT_NE(tasks_.find_thread(100), nullptr);
}

TEST_F(Converters, AProcessEndsWithItsLastThread) {
    bind();
    tasks_.add(process(100, "server"));
    tasks_.add_thread({101, 100, "worker"});
    exit(100, false);
    EXPECT_TRUE(sink_.of(0x0302).empty());
    exit(101, true);
    ASSERT_EQ(sink_.of(0x0302).size(), 1u);
    EXPECT_EQ(sink_.of(0x0302)[0].at<uint32_t>(kSystemPayload + 8), 100u);
    EXPECT_EQ(sink_.of(0x0502).size(), 2u);
}

TEST_F(Converters, OnlyWhatTheFlagsNameIsRecordedAndAllIsFollowed) {
    bind(kKernelContextSwitch);
    tasks_.add(process(100, "bash"));
    fork(100, 200);
    exit(200, true);
    EXPECT_TRUE(sink_.sent.empty());
    fork(100, 201, 0x00010000);
    EXPECT_EQ(tasks_.process_of(201), 100u);
}

TEST_F(Converters, AContextSwitchHas40Bytes) {
    bind();
    feed(5, 5000, 7, {at(8, 7u), at(12, 120u), at(16, uint64_t{1}), at(24, 8u), at(28, 98u)}, 3);
    feed(5, 9000, 8, {at(8, 8u), at(12, 98u), at(16, uint64_t{0x100}), at(24, 7u), at(28, 120u)},
         3);
    const auto all = sink_.of(0x0524);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].record.size(), 40u);
    EXPECT_EQ(all[0].header_type(), kPerfInfo64);
    EXPECT_EQ(all[0].cpu, 3u);
    EXPECT_EQ(all[0].time, 5000);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload), 8u);       // new
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 4), 7u);   // old
    EXPECT_EQ(all[0].at<int8_t>(kPerfInfoPayload + 8), 17);     // real time, low
    EXPECT_EQ(all[0].at<int8_t>(kPerfInfoPayload + 9), 8);      // normal
    EXPECT_EQ(all[0].at<int8_t>(kPerfInfoPayload + 12), 6);     // waits for what it asked for
    EXPECT_EQ(all[0].at<int8_t>(kPerfInfoPayload + 14), 5);     // waiting
    EXPECT_EQ(all[1].at<int8_t>(kPerfInfoPayload + 12), 32);    // preempted
    EXPECT_EQ(all[1].at<int8_t>(kPerfInfoPayload + 14), 1);     // ready
    EXPECT_EQ(all[1].at<uint32_t>(kPerfInfoPayload + 16), 4u);  // milliseconds it waited
}

TEST_F(Converters, ASwitchThatIsToldApartIsNotToldByTheTracepointToo) {
    bind();
    tasks_events_.set_switches_apart(true);
    feed(5, 5000, 7, {at(8, 7u), at(12, 120u), at(16, uint64_t{1}), at(24, 8u), at(28, 98u)}, 3);
    EXPECT_TRUE(sink_.of(0x0524).empty());
    tasks_events_.on_switch({5000, 3, 7, 8, 120, 98, 1});
    const auto apart = sink_.of(0x0524);
    tasks_events_.set_switches_apart(false);
    feed(5, 5000, 7, {at(8, 7u), at(12, 120u), at(16, uint64_t{1}), at(24, 8u), at(28, 98u)}, 3);
    const auto all = sink_.of(0x0524);
    ASSERT_EQ(apart.size(), 1u);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[1].record, apart[0].record);
    EXPECT_EQ(all[1].cpu, apart[0].cpu);
}

TEST_F(Converters, AWakeUpIsAReadyThread) {
    bind();
    feed(6, 1, 7, {at(2, uint8_t{0x10}), at(8, 9u)});
    const auto all = sink_.of(0x0532);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].record.size(), kPerfInfoPayload + 8);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload), 9u);
    EXPECT_EQ(all[0].at<uint8_t>(kPerfInfoPayload + 6), 1);  // from a soft interrupt
}

TEST_F(Converters, ARequestToADiskHasItsSizeOffsetAndResponseTime) {
    bind();
    feed(8, 1000, 50, {at(8, 0x800000u), at(16, uint64_t{64}), at(24, 8u), text(28, "WS")});
    feed(9, 1700, 0, {at(8, 0x800000u), at(16, uint64_t{64}), at(24, 8u), text(28, "WS")});
    ASSERT_EQ(sink_.of(0x010D).size(), 1u);
    EXPECT_EQ(sink_.of(0x010D)[0].header_type(), kSystem64);
    const auto all = sink_.of(0x010B);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].header_type(), kPerfInfo64);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 8), 4096u);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 16), 64u * 512);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 40), 700u);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 48), 50u);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 32),
              sink_.of(0x010D)[0].at<uint64_t>(kSystemPayload));
}

TEST_F(Converters, ARequestThatWaitedBelongsToWhoMadeIt) {
    bind();
    const auto request = [](const char* letters) {
        return std::vector<Value>{at(8, 0x800000u), at(16, uint64_t{64}), at(24, 8u),
                                  text(28, letters)};
    };
    feed(16, 900, 50, request("RA"));
    feed(8, 1000, 7, request("RA"));  // a thread of the kernel's hands it over
    feed(9, 1700, 0, request("RA"));
    feed(8, 2000, 8, request("RA"));  // the next one did not wait
    feed(9, 2700, 0, request("RA"));
    const auto all = sink_.of(0x010A);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 48), 50u);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 40), 700u);
    EXPECT_EQ(all[1].at<uint32_t>(kPerfInfoPayload + 48), 8u);
}

TEST_F(Converters, ARequestThatTheDiskHadNoRoomForIsToldOnce) {
    bind();
    const std::vector<Value> request{at(8, 0x800000u), at(16, uint64_t{64}), at(24, 8u),
                                     text(28, "R")};
    feed(8, 1000, 50, request);
    feed(17, 1010, 50, request);
    feed(8, 1500, 7, request);
    feed(9, 1700, 0, request);
    EXPECT_EQ(sink_.of(0x010C).size(), 1u);
    const auto all = sink_.of(0x010A);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 40), 700u);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 48), 50u);
}

TEST_F(Converters, AFlushIsPairedWithoutASectorAndEmptyEndsAreNoWrites) {
    bind();
    feed(8, 1000, 50, {at(8, 1u), at(16, uint64_t{0}), at(24, 0u), text(28, "FF")});
    feed(9, 1200, 0, {at(8, 1u), at(16, ~uint64_t{0}), at(24, 0u), text(28, "FF")});
    feed(9, 1201, 0, {at(8, 1u), at(16, uint64_t{0}), at(24, 0u), text(28, "FWS")});
    ASSERT_EQ(sink_.of(0x010E).size(), 1u);
    EXPECT_EQ(sink_.of(0x010E)[0].at<uint64_t>(kPerfInfoPayload + 8), 200u);
    EXPECT_TRUE(sink_.of(0x010B).empty());
}

TEST_F(Converters, LettersOfRequestsAreUnderstood) {
    EXPECT_EQ(DiskEvents::kind_of("RA"), DiskEvents::Kind::kRead);
    EXPECT_EQ(DiskEvents::kind_of("FWFS"), DiskEvents::Kind::kWrite);
    EXPECT_EQ(DiskEvents::kind_of("FF"), DiskEvents::Kind::kFlush);
    EXPECT_EQ(DiskEvents::kind_of("D"), DiskEvents::Kind::kOther);
    EXPECT_EQ(DiskEvents::kind_of(""), DiskEvents::Kind::kOther);
}

TEST_F(Converters, AConnectionIsFollowedFromEndToEnd) {
    bind();
    tasks_.add(process(300, "client"));
    set_state(300, 7, 2);
    set_state(0, 2, 1);  // the answer arrives while another thread runs
    feed(12, 200, 300,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 1000)});
    feed(13, 201, 300,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 50),
          at(24, 2)});  // MSG_PEEK: it will be received once more
    set_state(0, 1, 7);
    const auto connect = sink_.of(0x060C);
    ASSERT_EQ(connect.size(), 1u);
    EXPECT_EQ(connect[0].header_type(), kPerfInfo64);
    EXPECT_EQ(connect[0].at<uint32_t>(kPerfInfoPayload), 300u);
    EXPECT_EQ(connect[0].at<uint32_t>(kPerfInfoPayload + 8), 0x0200007Fu);  // remote
    EXPECT_EQ(connect[0].at<uint16_t>(kPerfInfoPayload + 16), 0x5000);      // 80, big-endian
    const auto send = sink_.of(0x060A);
    ASSERT_EQ(send.size(), 1u);
    EXPECT_EQ(send[0].record.size(), kPerfInfoPayload + 40);
    EXPECT_EQ(send[0].at<uint32_t>(kPerfInfoPayload + 4), 1000u);
    EXPECT_EQ(send[0].at<uint32_t>(kPerfInfoPayload + 12), 0x0100007Fu);  // local
    EXPECT_TRUE(sink_.of(0x060B).empty());
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
    // No address of the kernel leaves it: connections have numbers.
    EXPECT_EQ(send[0].at<uint64_t>(kPerfInfoPayload + 32), 1u);
}

TEST_F(Converters, WhatIsAcceptedBelongsToWhoListens) {
    bind();
    net_.add_listener({8080, 77});
    set_state(0, 12, 3, 8080, 5000);
    set_state(0, 3, 1, 8080, 5000);
    ASSERT_EQ(sink_.of(0x060F).size(), 1u);
    EXPECT_EQ(sink_.of(0x060F)[0].at<uint32_t>(kPerfInfoPayload), 77u);
}

TEST_F(Converters, WhatIsAcceptedIsEndedByWhoUsesIt) {
    bind();
    net_.add_listener({8080, 77});
    tasks_.add(process(300, "worker"));
    set_state(0, 3, 1, 8080, 5000);
    feed(13, 200, 300,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 50)});
    set_state(0, 1, 7, 8080, 5000);
    ASSERT_EQ(sink_.of(0x060D).size(), 1u);
    EXPECT_EQ(sink_.of(0x060D)[0].at<uint32_t>(kPerfInfoPayload), 300u);
}

TEST_F(Converters, AConnectionIsAcceptedOnceByWhoTakesIt) {
    bind();
    net_.set_accepts_watched(true);
    net_.add_listener({8080, 77});
    EXPECT_EQ(net_.next_accept(), NetEvents::kNever);
    set_state(0, 10, 3, 8080, 5000);
    set_state(0, 3, 1, 8080, 5000);
    EXPECT_TRUE(sink_.of(0x060F).empty());
    found_acceptance(300, 150);
    EXPECT_EQ(net_.next_accept(), 150);
    EXPECT_FALSE(net_.hand_out_accept());
    EXPECT_EQ(net_.next_accept(), NetEvents::kNever);
    EXPECT_EQ(only_accept(), 300u);
    EXPECT_EQ(sink_.of(0x060F)[0].at<uint16_t>(kPerfInfoPayload + 16), 0x8813);
    feed(13, 200, 301,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 50)});
    set_state(0, 1, 7, 8080, 5000);
    EXPECT_EQ(only_accept(), 300u);
    EXPECT_EQ(sink_.of(0x060D)[0].at<uint32_t>(kPerfInfoPayload), 301u);
}

TEST_F(Converters, AnAcceptanceMayBeSeenBeforeTheConnection) {
    bind();
    net_.set_accepts_watched(true);
    found_acceptance(300, 99);
    EXPECT_FALSE(net_.hand_out_accept());
    set_state(0, 3, 1, 8080, 5000);
    EXPECT_EQ(only_accept(), 300u);
    EXPECT_TRUE(sink_.of(0x060C).empty());
    EXPECT_EQ(sink_.of(0x060F)[0].at<uint16_t>(kPerfInfoPayload + 16), 0x8813);
    set_state(0, 1, 7, 8080, 5000);
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
}

TEST_F(Converters, WhatNobodyIsSeenToAcceptIsAcceptedByWhoUsesItFirst) {
    bind();
    net_.set_accepts_watched(true);
    net_.add_listener({8080, 77});
    set_state(0, 10, 3, 8080, 5000);
    set_state(0, 3, 1, 8080, 5000);
    feed(12, 200, 300,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 50)});
    EXPECT_EQ(only_accept(), 300u);
    EXPECT_EQ(sink_.of(0x060A).size(), 1u);
}

TEST_F(Converters, WhatNobodyUsesIsAcceptedByWhoListens) {
    bind();
    net_.set_accepts_watched(true);
    net_.add_listener({8080, 77});
    set_state(0, 10, 3, 8080, 5000);
    set_state(0, 3, 1, 8080, 5000);
    set_state(0, 1, 7, 8080, 5000);
    EXPECT_EQ(only_accept(), 77u);
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
}

TEST_F(Converters, AnAcceptWaitsForRoom) {
    bind();
    net_.set_accepts_watched(true);
    found_acceptance(300, 99);
    sink_.full = true;
    EXPECT_EQ(net_.hand_out_accept(), 99);
    sink_.full = false;
    EXPECT_FALSE(net_.hand_out_accept());
    EXPECT_EQ(only_accept(), 300u);
}

TEST_F(Converters, AnAcceptanceThatIsFoundLateIsNotToldAsEarlier) {
    bind();
    net_.handed_out(500);
    found_acceptance(300, 499);
    EXPECT_EQ(net_.next_accept(), 500);
}

TEST_F(Converters, EndsThatConnectToEachOtherAtTheSameTimeBothConnect) {
    bind();
    tasks_.add(process(300, "client"));
    set_state(300, 7, 2);
    set_state(0, 2, 3);
    set_state(0, 3, 1);
    ASSERT_EQ(sink_.of(0x060C).size(), 1u);
    EXPECT_EQ(sink_.of(0x060C)[0].at<uint32_t>(kPerfInfoPayload), 300u);
    EXPECT_TRUE(sink_.of(0x060F).empty());
}

TEST_F(Converters, WhatHasArrivedBeforeTheEndIsReceivedAfterIt) {
    bind();
    set_state(300, 7, 2);
    set_state(0, 2, 1);
    set_state(0, 5, 7);  // both ends have said that they send no more
    transfer(false, 50);
    set_state(300, 7, 7);
    const auto received = sink_.of(0x060B);
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].at<uint16_t>(kPerfInfoPayload + 16), 0x5000);
    EXPECT_EQ(received[0].at<uint64_t>(kPerfInfoPayload + 24), 1u);
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
    set_state(300, 7, 2);  // another one
    set_state(0, 2, 1);
    set_state(0, 1, 7);
    ASSERT_EQ(sink_.of(0x060D).size(), 2u);
    EXPECT_EQ(sink_.of(0x060C).size(), 2u);
}

TEST_F(Converters, ADatagramMayBeEmptyAndAnEndIsNone) {
    bind();
    transfer(true, 0, 0, 17);
    transfer(false, 0, 0, 17);
    transfer(false, 0);
    EXPECT_EQ(sink_.of(0x080A).size(), 1u);
    EXPECT_EQ(sink_.of(0x080B).size(), 1u);
    EXPECT_TRUE(sink_.of(0x060B).empty());
}

TEST_F(Converters, WhatComesBackWithAnErrorIsNotReceived) {
    bind();
    transfer(false, 50, 0x2000, 17);
    transfer(false, 50, 0x2000);
    EXPECT_TRUE(sink_.of(0x080B).empty());
    EXPECT_TRUE(sink_.of(0x060B).empty());
}

TEST_F(Converters, OfMultipathTcpThePartsComeAndGoAndTheWholeIsSent) {
    bind();
    net_.set_accepts_watched(true);
    set_state(0, 10, 3, 8080, 5000);
    set_multipath_state(10, 1, 8080, 0);
    set_state(0, 3, 1, 8080, 5000);
    found_acceptance(300, 150, 262);
    EXPECT_FALSE(net_.hand_out_accept());
    EXPECT_EQ(only_accept(), 300u);
    transfer(true, 50, 0, 262, 0xDEF);
    set_multipath_state(1, 7, 8080, 5000);
    EXPECT_TRUE(sink_.of(0x060D).empty());
    set_state(0, 1, 7, 8080, 5000);
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
    EXPECT_EQ(only_accept(), 300u);
    const auto sent = sink_.of(0x060A);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].at<uint32_t>(kPerfInfoPayload + 4), 50u);
    EXPECT_EQ(sent[0].at<uint16_t>(kPerfInfoPayload + 16), 0x8813);
    EXPECT_EQ(sent[0].at<uint64_t>(kPerfInfoPayload + 32), 1u);  // the part's number
}

class Datagrams : public Converters {
protected:
    void found_datagram(int64_t time, uint32_t size, uint16_t port) {
        Datagram out{};
        out.socket = 0xDEF;
        out.size = size;
        out.sent = 1;
        out.ends.family = 2;
        out.ends.remote_port = port;
        net_.found(out, found(300, time));
    }
    void send(int64_t time, uint32_t size) {
        feed(12, time, 300,
             {at(8, uint64_t{0xDEF}), at(16, uint16_t{2}), at(18, uint16_t{17}), at(20, size)});
    }
};

TEST_F(Datagrams, WhatWaitsForItsEventIsCounted) {
    bind();
    found_datagram(100, 10, 0x0100);
    found_datagram(110, 20, 0x0200);
    found_datagram(120, 30, 0x0300);
    net_.found(Splice{0xABC, 20, 0}, found(301, 115));
    EXPECT_EQ(net_.count_found_since(110), 3u);
    send(111, 20);
    EXPECT_EQ(net_.count_found_since(0), 2u);
    found_acceptance(300, 150);
    EXPECT_EQ(net_.count_found_since(200), 1u);
}

TEST_F(Datagrams, OfAThreadAreFoundInTheOrderOfItsProcessors) {
    bind();
    found_datagram(120, 20, 0x0200);  // on the first one
    found_datagram(110, 10, 0x0100);
    send(111, 10);
    send(121, 20);
    const auto sent = sink_.of(0x080A);
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[0].at<uint16_t>(kPerfInfoPayload + 16), 0x0100);
    EXPECT_EQ(sent[1].at<uint16_t>(kPerfInfoPayload + 16), 0x0200);
}

TEST_F(Converters, SplicesOfAThreadAreFoundInTheOrderOfItsProcessors) {
    bind();
    net_.found(Splice{0xABC, 20, 0}, found(300, 120));
    net_.found(Splice{0xABC, 10, 0}, found(300, 110));
    feed(18, 111, 300, socket_ends(4000, 80));
    feed(18, 121, 300, socket_ends(4000, 80));
    const auto received = sink_.of(0x060B);
    ASSERT_EQ(received.size(), 2u);
    EXPECT_EQ(received[0].at<uint32_t>(kPerfInfoPayload + 4), 10u);
    EXPECT_EQ(received[1].at<uint32_t>(kPerfInfoPayload + 4), 20u);
}

TEST_F(Converters, ASuccessorKnowsWhichPageFaultsWereUnderWay) {
    OpenFault kept[kOpenFaults]{};
    interrupts_->keep_faults_in(kept);
    bind(kKernelHardFaults);
    const auto fault = [&](uint32_t thread, uint64_t address) {
        feed(19, int64_t(thread), thread, {at(8, address)});
        feed(21, int64_t(thread), thread, {at(8, uint64_t{77})});
    };
    fault(300, 0x5000);
    fault(301, 0x6000);
    const auto read = [&](uint32_t thread) {
        feed(22, 400, thread, {at(8, uint64_t{77}), at(16, uint64_t{3})});
    };
    read(301);
    ASSERT_EQ(sink_.of(0x0220).size(), 1u);

    interrupts_.emplace(context_);
    interrupts_->keep_faults_in(kept);
    bind(kKernelHardFaults);
    read(301);  // not told again
    read(300);
    const auto told = sink_.of(0x0220);
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[1].at<int64_t>(kPerfInfoPayload), 300);
    EXPECT_EQ(told[1].at<uint64_t>(kPerfInfoPayload + 16), 0x5000u);
    EXPECT_EQ(told[1].at<uint32_t>(kPerfInfoPayload + 32), 300u);
}

TEST_F(Converters, ASoftInterruptIsADpcWithItsBeginning) {
    bind();
    interrupts_->set_handlers({1, 2, 3, 4});
    feed(14, 100, 0, {at(8, 3u)}, 1);
    feed(15, 160, 0, {at(8, 3u)}, 1);
    feed(15, 200, 0, {at(8, 1u)}, 1);  // its beginning lies before the trace
    ASSERT_EQ(sink_.of(0x0F44).size(), 1u);
    EXPECT_EQ(sink_.of(0x0F44)[0].at<int64_t>(kPerfInfoPayload), 100);
    EXPECT_EQ(sink_.of(0x0F44)[0].at<uint64_t>(kPerfInfoPayload + 8), 4u);
    ASSERT_EQ(sink_.of(0x0F45).size(), 1u);
    EXPECT_EQ(sink_.of(0x0F45)[0].at<int64_t>(kPerfInfoPayload), 200);
}

TEST_F(Converters, RundownsTellOfAllThatRuns) {
    bind();
    tasks_.add(process(100, "bash"));
    tasks_.add_thread({101, 100, "worker"});
    tasks_events_.rundown(kKernelProcess | kKernelThread, false, 7);
    EXPECT_EQ(sink_.of(0x0303).size(), 1u);
    EXPECT_EQ(sink_.of(0x0503).size(), 2u);
    tasks_events_.rundown(kKernelProcess, true, 8);
    EXPECT_EQ(sink_.of(0x0304).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0504).empty());
}

TEST_F(Converters, NoRecordIsLongerThanTheSmallestBuffer) {
    bind();
    Process large = process(100, std::string(5000, 'x'));
    large.command_line = std::string(9000, 'y');
    tasks_.add(std::move(large));
    tasks_events_.rundown(kKernelProcess, false, 7);
    ASSERT_EQ(sink_.of(0x0303).size(), 1u);
    EXPECT_LE(sink_.of(0x0303)[0].record.size(), 4096u - 72);
}

TEST_F(Converters, ACommandLineHasTheRoomThatABufferHas) {
    bind();
    Process large = process(100, "ld");
    large.command_line = std::string(20000, 'y');
    tasks_.add(std::move(large));
    context_.longest_record = 16000;
    tasks_events_.rundown(kKernelProcess, false, 7);
    ASSERT_EQ(sink_.of(0x0303).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0303)[0].contains(std::u16string(7900, u'y')));
    EXPECT_LE(sink_.of(0x0303)[0].record.size(), 16000u);
}

TEST(Dispatch, WantsEveryEventWhereOneOfTwoDoes) {
    Dispatch dispatch([](const std::string&, const std::string& name) {
        return Format::parse(format_text(9, name, field("int x", 8, 4)), "s");
    });
    int calls = 0;
    const auto count = [&calls](const Format&) -> Dispatch::Handler {
        return [&calls](const RawEvent&) { ++calls; };
    };
    EXPECT_TRUE(dispatch.on("s", "p", count, "x == 1"));
    EXPECT_EQ(dispatch.wanted()[0].filter, "x == 1");
    EXPECT_TRUE(dispatch.on("s", "p", count));
    ASSERT_EQ(dispatch.wanted().size(), 1u);
    EXPECT_EQ(dispatch.wanted()[0].filter, "");
    const uint16_t id = 9;
    dispatch(RawEvent{0, 0, std::as_bytes(std::span(&id, 1))});
    EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace etw::kernel
