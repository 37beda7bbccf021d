// What enable properties add to an event: the user, the login session, keys, the writer's stack.
//
// Stacks are taken with libc's backtrace(), in any thread and in signal handlers. What makes that
// safe: the unwinder is loaded and has been used once before any writer may need it
// (prepare_stacks), so that it allocates and loads nothing any more; it finds the code's unwind
// data with _dl_find_object(), which takes no lock, and where libc has no such function no stacks
// are taken; and it is only used where there is room, on the alternate stack of a signal handler as
// on that of a thread, which may be of the 16 KB that are the least.
#include "provider/state.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

// Of libc, from glibc 2.35 on; under a name of ours, since its header may declare it or not.
extern "C" int etw_dl_find_object(void*, void*) __asm__("_dl_find_object") __attribute__((weak));

namespace etw::provider {

namespace {

using wire::ExtendedItem;
using wire::ExtendedType;

std::atomic<bool> g_stacks_ready;

// What the unwinder needs (2.5 KB were seen on x86-64), and what it is called with.
constexpr size_t kUnwindStack = 4 * 1024 + kMaxItemWords * sizeof(uint64_t) + 512;

// The kernel looks at the set before it finds that there is no such operation.
bool is_readable(uintptr_t address) noexcept {
    constexpr long kNone = -1, kSetSize = 8;
    ::syscall(SYS_rt_sigprocmask, kNone, address & ~uintptr_t{kSetSize - 1}, nullptr, kSetSize);
    return errno != EFAULT;
}

bool stack_has_room() noexcept {
    stack_t alternate{};
    if (::sigaltstack(nullptr, &alternate) != 0) return false;
    const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    // A thread's stack ends in a page that nobody may touch. One that the program has made without
    // has no end that can be seen.
    if ((alternate.ss_flags & SS_ONSTACK) == 0) {
        constexpr size_t kPage = 4096;
        return is_readable(here - kPage) && is_readable(here - kUnwindStack);
    }
    const auto bottom = reinterpret_cast<uintptr_t>(alternate.ss_sp);
    return here >= bottom && here - bottom >= kUnwindStack;
}

// --- what the kernel says of this process ----------------------------------------------------

// The file's text in `out`, cut where it does not fit; empty if it cannot be read.
template <size_t N>
void read_text(const char* path, char (&out)[N]) noexcept {
    out[0] = '\0';
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    const ssize_t size = ::read(fd, out, N - 1);
    ::close(fd);
    out[size > 0 ? size : 0] = '\0';
}

uint64_t parse_number(const char* text) noexcept {
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + uint64_t(*text - '0');
    return number;
}

// Start of the process in clock ticks after the boot; see proc(5).
uint64_t start_ticks() noexcept {
    char text[1024];
    read_text("/proc/self/stat", text);
    const char* at = std::strrchr(text, ')');
    constexpr int kFieldsToStart = 20;  // behind the name
    for (int i = 0; at != nullptr && i < kFieldsToStart; ++i) {
        at = std::strchr(at + 1, ' ');
    }
    return at != nullptr ? parse_number(at + 1) : 0;
}

// That of the kernel's login accounting; where nobody keeps it, the process's session.
uint32_t login_session() noexcept {
    char text[16];
    read_text("/proc/self/sessionid", text);
    const uint64_t id = parse_number(text);
    constexpr uint64_t kUnset = UINT32_MAX;
    return text[0] != '\0' && id < kUnset ? uint32_t(id) : uint32_t(::getsid(0));
}

// Once a process: in its page, which a forked child has empty.
const ProcessPage& known_process() noexcept {
    const Identity identity = current_identity();
    ProcessPage& page = *g_process_page.load(std::memory_order_acquire);
    if (page.start_key.load(std::memory_order_acquire) == 0) {
        page.login_session.store(login_session(), std::memory_order_relaxed);
        constexpr uint32_t kPidBits = 22;  // the kernel's limit
        page.start_key.store(start_ticks() << kPidBits | identity.process_id,
                             std::memory_order_release);
    }
    return page;
}

// Random at the start of a process, then counted up.
uint64_t next_event_key() noexcept {
    ProcessPage& page = *g_process_page.load(std::memory_order_acquire);
    const uint64_t number = page.event_keys.fetch_add(1, std::memory_order_relaxed) + 1;
    return page.activity_seed.load(std::memory_order_relaxed) + number;
}

// --- items -----------------------------------------------------------------------------------

class ItemWriter {
public:
    ItemWriter(AddedItems& items, uint32_t room) noexcept
        : items_(items), room_(room < kMost ? room : kMost) {}

    // Bytes that an item's data may still have.
    uint32_t room() const noexcept {
        const uint32_t left = room_ - items_.size;
        constexpr uint32_t kHead = sizeof(ExtendedItem);
        return left > kHead ? (left - kHead) / 8 * 8 : 0;
    }
    void add(ExtendedType type, const void* data, uint32_t size) noexcept {
        if (size > room()) return;
        std::byte* to = next_data();
        std::memcpy(to, data, size);
        std::memset(to + size, 0, wire::align8(size_t{size}) - size);
        add_in_place(type, size);
    }
    // Where the data of the next item stands; whole words, of which there may be more than room()
    // says until add_in_place() makes an item of them.
    std::byte* next_data() const noexcept {
        return reinterpret_cast<std::byte*>(items_.words) + items_.size + sizeof(ExtendedItem);
    }
    void add_in_place(ExtendedType type, uint32_t size) noexcept {
        const auto whole = uint32_t(wire::align8(sizeof(ExtendedItem) + size_t{size}));
        constexpr uint16_t kAnother = 1;
        const ExtendedItem item = {uint16_t(whole), uint16_t(type), kAnother, uint16_t(size)};
        std::memcpy(next_data() - sizeof(item), &item, sizeof(item));
        items_.last = items_.size;
        items_.size += whole;
    }

private:
    static constexpr uint32_t kMost = (kMaxItemWords - kOwnFrames) * sizeof(uint64_t);

    AddedItems& items_;
    uint32_t room_;
};

// S-1-22-1-<uid>, as others number the users of Unix.
void add_user(ItemWriter& to) noexcept {
    struct {
        uint8_t revision, count, authority[6];
        uint32_t parts[2];
    } const sid = {1, 2, {0, 0, 0, 0, 0, 22}, {1, uint32_t(::geteuid())}};
    static_assert(sizeof(sid) == 16);
    to.add(ExtendedType::kSid, &sid, sizeof(sid));
}

// All items before it are there: the frames are taken where they stay.
[[gnu::noinline]] void add_stack(ItemWriter& to, const void* caller) noexcept {
    static_assert(sizeof(void*) == 8);
    constexpr uint32_t kMatchId = sizeof(uint64_t), kFrame = sizeof(void*);
    const uint32_t room = to.room();
    if (room <= kMatchId) return;
    std::memset(to.next_data(), 0, kMatchId);
    auto** const frames = reinterpret_cast<void**>(to.next_data() + kMatchId);
    int count = etw_take_frames(frames, kMaxFrames + kOwnFrames);
    int first = 0;
    while (first < count && frames[first] != caller) ++first;
    if (first == count) first = 0;
    count -= first;
    if (count > int(kMaxFrames)) count = kMaxFrames;
    const uint32_t fits = (room - kMatchId) / kFrame;
    if (uint32_t(count) > fits) count = int(fits);
    if (count <= 0) return;
    std::memmove(frames, frames + first, size_t(count) * kFrame);
    to.add_in_place(ExtendedType::kStackTrace64, kMatchId + uint32_t(count) * kFrame);
}

}  // namespace

bool prepare_stacks() noexcept {
    if (stacks_ready()) return true;
    if (&etw_dl_find_object == nullptr) return false;
    void* frames[4];
    if (etw_take_frames(frames, 4) <= 0) return false;
    g_stacks_ready.store(true, std::memory_order_release);
    return true;
}

bool stacks_ready() noexcept { return g_stacks_ready.load(std::memory_order_acquire); }

uint32_t without_stack_for_want_of_room(uint32_t properties) noexcept {
    if ((properties & kPropertyStackTrace) == 0) return properties;
    const Unnoticed unnoticed;
    return stack_has_room() ? properties : properties & ~uint32_t{kPropertyStackTrace};
}

void add_items(AddedItems& items, uint32_t properties, uint64_t& event_key, const void* caller,
               uint32_t room) noexcept {
    const Unnoticed unnoticed;
    const ProcessPage& process = known_process();
    ItemWriter to(items, room);
    if ((properties & kPropertySid) != 0) add_user(to);
    if ((properties & kPropertyTsId) != 0) {
        const uint32_t session = process.login_session.load(std::memory_order_relaxed);
        to.add(ExtendedType::kTsId, &session, sizeof(session));
    }
    if ((properties & kPropertyProcessStartKey) != 0) {
        const uint64_t key = process.start_key.load(std::memory_order_relaxed);
        to.add(ExtendedType::kProcessStartKey, &key, sizeof(key));
    }
    if ((properties & kPropertyEventKey) != 0) {
        if (event_key == 0) event_key = next_event_key();
        to.add(ExtendedType::kEventKey, &event_key, sizeof(event_key));
    }
    if ((properties & kPropertyStackTrace) != 0) add_stack(to, caller);
}

}  // namespace etw::provider
