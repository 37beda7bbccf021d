#include "kernel/events/system_config.h"

#include "kernel/events/image_events.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace etw::kernel {
namespace {

namespace fs = std::filesystem;

constexpr uint16_t kCpu = 0x0B0A;
constexpr uint16_t kPhysicalDisk = 0x0B0B;
constexpr uint16_t kLogicalDisk = 0x0B0C;
constexpr uint16_t kNic = 0x0B0D;
constexpr uint64_t kSysSector = 512;      // the unit of sizes in /sys/block
constexpr uint32_t kFixedDisk = 3;        // DRIVE_FIXED
constexpr uint16_t kArchitectureX64 = 9;  // PROCESSOR_ARCHITECTURE_*
constexpr uint16_t kArchitectureArm64 = 12;

std::string line_of(const fs::path& file) {
    std::ifstream in(file);
    std::string out;
    std::getline(in, out);
    while (out.ends_with(' ')) out.pop_back();
    return out;
}

uint64_t number_of(const fs::path& file) {
    return std::strtoull(line_of(file).c_str(), nullptr, 10);
}

uint32_t device_of(const fs::path& folder) {
    unsigned major = 0;
    unsigned minor = 0;
    std::sscanf(line_of(folder / "dev").c_str(), "%u:%u", &major, &minor);
    return device_number(major, minor);
}

// A text in a field of `units` characters.
void put_fixed(RecordBuilder& out, std::string_view text, size_t units) {
    std::u16string wide = to_utf16(text);
    wide.resize(std::min(wide.size(), units - 1));
    wide.resize(units, u'\0');
    out.append(std::as_bytes(std::span(wide)));
}

struct Mount {
    std::string folder;
    std::string file_system;
};
std::map<std::string, Mount> find_mounts() {
    std::map<std::string, Mount> out;  // by the device's name
    std::ifstream in("/proc/self/mounts");
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string device;
        Mount mount;
        if (words >> device >> mount.folder >> mount.file_system && device.starts_with("/dev/")) {
            out.try_emplace(fs::path(device).filename(), mount);
        }
    }
    return out;
}

Partition look_at_partition(const fs::path& folder, const std::map<std::string, Mount>& mounts) {
    Partition out;
    out.name = folder.filename();
    out.number = uint32_t(number_of(folder / "partition"));
    out.start = number_of(folder / "start") * kSysSector;
    out.size = number_of(folder / "size") * kSysSector;
    const auto mount = mounts.find(out.name);
    if (mount == mounts.end()) return out;
    out.file_system = mount->second.file_system;
    struct statvfs space {};
    if (::statvfs(mount->second.folder.c_str(), &space) == 0) {
        out.block_size = space.f_frsize;
        out.blocks = space.f_blocks;
        out.free_blocks = space.f_bfree;
    }
    return out;
}

void send_cpu(RecordSink& sink, int64_t time) {
    double mhz = 0;
    uint32_t level = 0;
    uint32_t model = 0;
    uint32_t stepping = 0;
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line) && !line.empty();) {
        const char* value = line.c_str() + std::min(line.size(), line.find(':') + 1);
        if (line.starts_with("cpu MHz")) mhz = std::strtod(value, nullptr);
        if (line.starts_with("cpu family")) level = uint32_t(std::strtoul(value, nullptr, 10));
        if (line.starts_with("model\t")) model = uint32_t(std::strtoul(value, nullptr, 10));
        if (line.starts_with("stepping")) stepping = uint32_t(std::strtoul(value, nullptr, 10));
    }
    utsname system{};
    ::uname(&system);
    const auto page = uint32_t(::sysconf(_SC_PAGESIZE));
    const auto memory = uint64_t(::sysconf(_SC_PHYS_PAGES)) * page;
    const bool arm = std::string_view(system.machine) == "aarch64";
    const std::string domain = system.domainname;
    RecordBuilder out(kCpu, 3, time, {});
    out.put(uint32_t(mhz))
        .put(uint32_t(::sysconf(_SC_NPROCESSORS_ONLN)))
        .put(uint32_t(memory >> 20))
        .put(page)
        .put(page);
    put_fixed(out, system.nodename, 256);
    put_fixed(out, domain == "(none)" ? "" : domain, 134);
    out.put(number_of("/sys/devices/system/cpu/smt/active"))
        .put(uint64_t{0x00007FFFFFFFFFFF})  // the highest address of a program
        .put(arm ? kArchitectureArm64 : kArchitectureX64)
        .put(uint16_t(level))
        .put(uint16_t(model << 8 | stepping))
        .put(uint8_t{1})  // pages that are not to run
        .put(uint8_t{1})  // wide page tables
        .put(uint32_t{0})
        .send(sink, 0);
}

void send_disk(const Disk& disk, RecordSink& sink, int64_t time) {
    // Of a geometry that no disk has any more, but which readers multiply to its size.
    constexpr uint32_t kSectorsPerTrack = 63;
    constexpr uint32_t kTracks = 255;
    RecordBuilder out(kPhysicalDisk, 2, time, {});
    out.put(disk.number)
        .put(disk.sector_size)
        .put(kSectorsPerTrack)
        .put(kTracks)
        .put(disk.size / disk.sector_size / (kSectorsPerTrack * kTracks));
    for (int i = 0; i < 4; ++i) out.put(uint32_t{0});  // no SCSI address
    put_fixed(out, disk.model, 256);
    out.put(uint32_t(disk.partitions.size())).put(uint8_t(disk.writes_back)).put(uint8_t{0});
    put_fixed(out, "", 3);
    put_fixed(out, "", 2);
    out.send(sink, 0);
}

void send_partition(const Disk& disk, const Partition& part, RecordSink& sink, int64_t time) {
    RecordBuilder out(kLogicalDisk, 2, time, {});
    out.put(part.start).put(part.size).put(disk.number).put(uint32_t{0}).put(kFixedDisk);
    put_fixed(out, part.name, 4);  // in the place of a drive's letter, as far as it fits
    out.put(uint32_t{0})
        .put(part.number)
        .put(uint32_t(part.block_size / disk.sector_size))
        .put(disk.sector_size)
        .put(uint32_t{0})
        .put(part.free_blocks)
        .put(part.blocks);
    put_fixed(out, part.file_system, 16);
    out.put(uint32_t{0}).put(uint32_t{0}).send(sink, 0);
}

struct Nic {
    uint64_t address = 0;
    uint32_t address_size = 0;
    std::string addresses;
};

std::map<std::string, Nic> find_nics() {
    std::map<std::string, Nic> out;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return out;
    for (const ifaddrs* it = list; it != nullptr; it = it->ifa_next) {
        if (it->ifa_addr == nullptr || (it->ifa_flags & IFF_LOOPBACK) != 0) continue;
        Nic& nic = out[it->ifa_name];
        std::array<char, INET6_ADDRSTRLEN> text{};
        const void* address = nullptr;
        if (it->ifa_addr->sa_family == AF_PACKET) {
            sockaddr_ll link{};
            std::memcpy(&link, it->ifa_addr, sizeof(link));
            nic.address_size = link.sll_halen;
            std::memcpy(&nic.address, link.sll_addr, sizeof(nic.address));
            if (link.sll_halen < sizeof(nic.address)) {
                nic.address &= (uint64_t{1} << link.sll_halen * 8) - 1;
            }
        } else if (it->ifa_addr->sa_family == AF_INET) {
            address = it->ifa_addr->sa_data + 2;
        } else if (it->ifa_addr->sa_family == AF_INET6) {
            address = it->ifa_addr->sa_data + 6;
        }
        if (address != nullptr &&
            ::inet_ntop(it->ifa_addr->sa_family, address, text.data(), text.size()) != nullptr) {
            nic.addresses += std::string(text.data()) + ';';
        }
    }
    ::freeifaddrs(list);
    return out;
}

std::string name_servers() {
    std::string out;
    std::ifstream in("/etc/resolv.conf");
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string word;
        std::string address;
        if (words >> word >> address && word == "nameserver") out += address + ';';
    }
    return out;
}

}  // namespace

std::vector<Disk> find_disks() {
    std::vector<Disk> out;
    const auto mounts = find_mounts();
    std::error_code error;
    for (fs::directory_iterator it("/sys/block", error), end; !error && it != end;
         it.increment(error)) {
        const fs::path& folder = it->path();
        std::error_code ignored;  // a disk may go meanwhile
        if (!fs::exists(folder / "device", ignored)) continue;
        Disk disk;
        disk.number = device_of(folder);
        disk.sector_size =
            std::max(uint32_t(number_of(folder / "queue/logical_block_size")), uint32_t{1});
        disk.size = number_of(folder / "size") * kSysSector;
        disk.model = line_of(folder / "device/model");
        if (disk.model.empty()) disk.model = folder.filename();
        disk.writes_back = line_of(folder / "queue/write_cache") == "write back";
        for (fs::directory_iterator part(folder, ignored); !ignored && part != end;
             part.increment(ignored)) {
            std::error_code gone;
            if (fs::exists(part->path() / "partition", gone)) {
                disk.partitions.push_back(look_at_partition(part->path(), mounts));
            }
        }
        if (disk.partitions.empty()) disk.partitions.push_back(look_at_partition(folder, mounts));
        out.push_back(std::move(disk));
    }
    return out;
}

void send_system_config(RecordSink& sink, int64_t time) {
    send_cpu(sink, time);
    for (const Disk& disk : find_disks()) {
        send_disk(disk, sink, time);
        for (const Partition& part : disk.partitions) send_partition(disk, part, sink, time);
    }
    const std::string servers = name_servers();
    for (const auto& [name, nic] : find_nics()) {
        RecordBuilder(kNic, 2, time, {})
            .put(nic.address)
            .put(nic.address_size)
            .put(uint32_t(::if_nametoindex(name.c_str())))
            .put(uint32_t(::if_nametoindex(name.c_str())))
            .put_text(name)
            .put_text(nic.addresses)
            .put_text(servers)
            .send(sink, 0);
    }
}

}  // namespace etw::kernel
