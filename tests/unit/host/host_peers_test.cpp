// Who is connected to the host, and what it makes of those that do not keep to the protocol.
#include "base/unix_socket.h"
#include "host_process.h"

#include <fmt/format.h>

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

namespace etw::host {
namespace {

// A peer that does not keep to the protocol is disconnected; the host and the others go on.
TEST_F(HostProcess, DisconnectsHostileProviders) {
    ASSERT_TRUE(backend_.start(request("a")));
    const std::string path = runtime() + "/" + wire::kProviderSocketName;
    const wire::Hello hello{
        {wire::ProviderMessage::kHello, sizeof(hello)}, wire::kProviderProtocolVersion, 0};
    const auto bytes = [](const auto& value) { return std::as_bytes(std::span(&value, 1)); };
    const wire::Register reg{{wire::ProviderMessage::kRegister, sizeof(reg)}, 1, 0, 0, kProvider};
    const wire::Rings rings{{wire::ProviderMessage::kRings, sizeof(rings)}, {}, {}};
    wire::Hello wrong = hello;
    wrong.version = 99;
    const std::vector<std::byte> flood(70'000);
    const std::vector<std::vector<Bytes>> attacks = {
        {bytes(hello).first(8)},                 // short
        {bytes(reg)},                            // before the hello
        {bytes(hello), bytes(hello)},            // twice
        {bytes(wrong)},                          // of another version
        {flood},                                 // longer than any packet
        {bytes(hello), bytes(rings)},            // rings without a descriptor
        {bytes(hello), bytes(reg), bytes(reg)},  // one registration twice
    };
    for (size_t i = 0; i < attacks.size(); ++i) {
        const auto socket = connect_to(path, SOCK_SEQPACKET);
        ASSERT_TRUE(socket);
        for (const Bytes packet : attacks[i]) ASSERT_TRUE(send(socket->get(), packet));
        std::array<std::byte, 256> buffer;
        std::vector<UniqueFd> fds;
        ASSERT_TRUE(eventually([&] {
            const auto got = receive(socket->get(), buffer, fds);
            return !got || got->size == 0;  // what came before the end is of no interest
        })) << i;
    }
    start_writer(0, 10);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 10u);
}

// A program that could not map its rings and found the socket full tells so before any event.
TEST_F(HostProcess, CountsWhatAProviderWithRingsLostOnItsSocket) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto socket = connect_to(runtime() + "/" + wire::kProviderSocketName, SOCK_SEQPACKET);
    ASSERT_TRUE(socket);
    const auto send_packet = [&](const auto& packet) {
        EXPECT_TRUE(send(socket->get(), std::as_bytes(std::span(&packet, 1))));
    };
    const wire::Hello hello{
        {wire::ProviderMessage::kHello, sizeof(hello)}, wire::kProviderProtocolVersion, 0};
    send_packet(hello);
    send_packet(wire::Register{
        {wire::ProviderMessage::kRegister, sizeof(wire::Register)}, 1, 0, 0, kProvider});
    wire::Attach attach{};
    while (attach.header.type != wire::ProviderMessage::kAttach) {
        std::vector<UniqueFd> rings;
        const auto got =
            receive(socket->get(), std::as_writable_bytes(std::span(&attach, 1)), rings);
        ASSERT_TRUE(got && got->size != 0);
    }
    wire::EventsLost lost{{wire::ProviderMessage::kEventsLost, sizeof(lost)}, attach.session, 7};
    send_packet(lost);
    const auto counted = [&] { return backend_.query("a")->events_lost; };
    EXPECT_TRUE(eventually([&] { return counted() == 7; }));
    lost.count = UINT64_MAX - 3;  // which would make others' losses none
    send_packet(lost);
    EXPECT_TRUE(eventually([&] { return counted() > 7; }));
    const auto status = backend_.stop("a");
    ASSERT_TRUE(status);
    EXPECT_EQ(status->events_lost, 7 + uint64_t{UINT32_MAX});
}

TEST_F(HostProcess, ClosesConnectionsThatItHasNoDescriptorsFor) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto worker = processes(true);
    ASSERT_EQ(worker.size(), 1u);
    rlim_t highest = 0;
    const std::string descriptors = fmt::format("/proc/{}/fd", worker.front());
    for (const auto& entry : std::filesystem::directory_iterator(descriptors))
        highest = std::max(highest, rlim_t(std::stoul(entry.path().filename().string())));
    rlimit before{};
    ASSERT_EQ(::prlimit(worker.front(), RLIMIT_NOFILE, nullptr, &before), 0);
    const rlimit few{highest + 5, before.rlim_max};
    ASSERT_EQ(::prlimit(worker.front(), RLIMIT_NOFILE, &few, nullptr), 0);
    for (const auto& [name, type] : {std::pair(wire::kProviderSocketName, SOCK_SEQPACKET),
                                     std::pair(wire::kControlSocketName, SOCK_STREAM)}) {
        std::vector<UniqueFd> sockets;
        for (size_t i = 0; i < highest + 10; ++i) {
            auto socket = connect_to(runtime() + "/" + name, type);
            ASSERT_TRUE(socket) << name;
            sockets.push_back(std::move(*socket));
        }
        // The last one, or the oldest idle controller, which makes way for it.
        const auto is_closed = [](const UniqueFd& socket) {
            pollfd state{socket.get(), POLLIN, 0};
            return ::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
        };
        EXPECT_TRUE(eventually([&] {
            return is_closed(sockets.back()) || is_closed(sockets.front());
        })) << name;
    }
    ASSERT_EQ(::prlimit(worker.front(), RLIMIT_NOFILE, &before, nullptr), 0);
    start_writer(0, 10);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 10u);
}

// Registers as much as one may, under the longest names, and reads nothing of what is answered.
TEST_F(HostProcess, SpendsLittleMemoryOnAHundredHostileConnections) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto worker = processes(true);
    ASSERT_EQ(worker.size(), 1u);
    const wire::Hello hello{
        {wire::ProviderMessage::kHello, sizeof(hello)}, wire::kProviderProtocolVersion, 0};
    std::vector<std::byte> packet(sizeof(wire::Register) + wire::kMaxTraitsSize, std::byte{'n'});
    wire::Register reg{{wire::ProviderMessage::kRegister, uint32_t(packet.size())},
                       0,
                       uint16_t{wire::kMaxTraitsSize},
                       0,
                       kProvider};
    std::memcpy(packet.data() + sizeof(reg), &reg.traits_size, sizeof(reg.traits_size));
    packet.back() = std::byte{0};
    std::vector<UniqueFd> sockets;
    for (int i = 0; i < 100; ++i) {
        auto socket = connect_to(runtime() + "/" + wire::kProviderSocketName, SOCK_SEQPACKET);
        ASSERT_TRUE(socket);
        bool open = bool(send(socket->get(), std::as_bytes(std::span(&hello, 1))));
        for (reg.registration = 1; open && reg.registration <= 1024; ++reg.registration) {
            std::memcpy(packet.data(), &reg, sizeof(reg));
            open = bool(send(socket->get(), packet));  // it may have had enough of us
        }
        sockets.push_back(std::move(*socket));
    }
    ASSERT_TRUE(backend_.query("a"));  // all of it has been read, or will never be
    std::ifstream status(fmt::format("/proc/{}/status", worker.front()));
    uint64_t peak_kb = 0;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) peak_kb = std::stoull(line.substr(6));
    }
#ifndef ETW_SANITIZED
    EXPECT_LT(peak_kb, 32u * 1024);
#endif
    EXPECT_GT(peak_kb, 0u);
    sockets.clear();
    start_writer(0, 10);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 10u);
}

// Both ends get to know why: the program's library, and whoever asks the host.
TEST_F(HostProcess, NamesProgramsOfAnotherVersion) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto socket = connect_to(runtime() + "/" + wire::kProviderSocketName, SOCK_SEQPACKET);
    ASSERT_TRUE(socket);
    const wire::Hello hello{{wire::ProviderMessage::kHello, sizeof(hello)}, 99, 0};
    ASSERT_TRUE(send(socket->get(), std::as_bytes(std::span(&hello, 1))));
    wire::Welcome welcome{};
    std::vector<UniqueFd> fds;
    const auto got = receive(socket->get(), std::as_writable_bytes(std::span(&welcome, 1)), fds);
    ASSERT_TRUE(got);
    ASSERT_EQ(got->size, sizeof(welcome));
    EXPECT_EQ(welcome.version, wire::kProviderProtocolVersion);
    ASSERT_TRUE(eventually([&] { return !backend_.refused_programs()->empty(); }));
    const auto refused = backend_.refused_programs();
    ASSERT_EQ(refused->size(), 1u);
    EXPECT_EQ(refused->front().pid, uint32_t(::getpid()));
    EXPECT_EQ(refused->front().version, 99u);
    EXPECT_EQ(refused->front().host_version, wire::kProviderProtocolVersion);
    // The same process with the right library, as after an exec.
    const auto again = connect_to(runtime() + "/" + wire::kProviderSocketName, SOCK_SEQPACKET);
    ASSERT_TRUE(again);
    EXPECT_TRUE(eventually([&] { return backend_.refused_programs()->empty(); }));
}

TEST_F(HostProcess, AnswersControllersOfAnotherVersionWithItsOwn) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto socket = connect_to(runtime() + "/" + wire::kControlSocketName, SOCK_STREAM);
    ASSERT_TRUE(socket);
    const wire::ControlFrame frame{wire::ControlFrame::kMagic, 99, uint32_t(wire::ControlOp::kList),
                                   0};
    ASSERT_TRUE(send(socket->get(), std::as_bytes(std::span(&frame, 1))));
    wire::ControlFrame answer{};
    std::vector<UniqueFd> fds;
    const auto got = receive(socket->get(), std::as_writable_bytes(std::span(&answer, 1)), fds);
    ASSERT_TRUE(got);
    ASSERT_EQ(got->size, sizeof(answer));
    EXPECT_EQ(answer.version, wire::kControlProtocolVersion);
    EXPECT_EQ(answer.op, uint32_t(Code::kRevisionMismatch));
    EXPECT_EQ(answer.size, 0u);
    const auto end = receive(socket->get(), std::as_writable_bytes(std::span(&answer, 1)), fds);
    EXPECT_TRUE(!end || end->size == 0);
}

TEST_F(HostProcess, DisconnectsHostileControllers) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto socket = connect_to(runtime() + "/" + wire::kControlSocketName, SOCK_STREAM);
    ASSERT_TRUE(socket);
    const std::vector<std::byte> garbage(100, std::byte{0xEE});
    ASSERT_TRUE(send(socket->get(), garbage));
    std::array<std::byte, 256> buffer;
    std::vector<UniqueFd> fds;
    const auto got = receive(socket->get(), buffer, fds);
    EXPECT_TRUE(!got || got->size == 0);
    EXPECT_TRUE(backend_.query("a"));
}

}  // namespace
}  // namespace etw::host
