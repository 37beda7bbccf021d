#include "kernel/images/lock_functions.h"

#include "etw/bytes.h"
#include "kernel/images/usdt.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>

namespace etw::kernel {
namespace {

using Kind = UserFunctionKind;
using Code = std::span<const uint8_t>;

constexpr std::string_view kMutexLock = "pthread_mutex_lock";
constexpr std::string_view kMutexTimedLock = "pthread_mutex_timedlock";
constexpr std::string_view kMutexTryLock = "pthread_mutex_trylock";
constexpr std::string_view kCondWait = "pthread_cond_wait";
constexpr std::string_view kTimedRead = "pthread_rwlock_timedrdlock";
constexpr std::string_view kTimedWrite = "pthread_rwlock_timedwrlock";
constexpr std::string_view kRwlocks[] = {
    "pthread_rwlock_rdlock",      "pthread_rwlock_wrlock",     kTimedRead, kTimedWrite,
    "pthread_rwlock_clockrdlock", "pthread_rwlock_clockwrlock"};
constexpr std::string_view kUnlocks[] = {"pthread_mutex_unlock", "pthread_rwlock_unlock"};
// What only tables for debuggers have.
constexpr std::string_view kLockWait = "__lll_lock_wait";
constexpr std::string_view kLockWake = "__lll_lock_wake";
constexpr std::string_view kInheriting = "__futex_lock_pi64";
constexpr std::string_view kWordWait = "__futex_abstimed_wait64";
constexpr std::string_view kMuslWait = "__timedwait";

// What asks the kernel for whoever calls it.
constexpr std::string_view kSystemCall = "syscall";
// How the names of functions begin that wait for other things than a program's own locks.
constexpr std::string_view kWaits[] = {
    "pthread_", "__pthread_", "___pthread_", "__new_pthread_", "futex_", "__futex",
    "__lll_",   "sem_",       "__sem_",      "__new_sem_",     "cnd_",   "mtx_",
    "thrd_",    "__thrd_",    "call_once",   "__timedwait",    "__wait", "__nptl_"};
// And of those that ask the kernel for them.
constexpr std::string_view kCancelled = "__syscall_cp";
// Without it, a program or library only stands in for functions of the C library, as sanitizers do.
constexpr std::string_view kMutexType = "pthread_mutexattr_settype";

constexpr uint64_t kMaxCode = 8192;         // bytes of a function
constexpr size_t kMaxSymbols = 256;         // of names that are looked at
constexpr size_t kMaxWaitSymbols = 2048;    // the same of what waits
constexpr size_t kMaxParts = 16;            // functions that those of a name end in
constexpr size_t kMaxCalled = 64;           // functions by one
constexpr ptrdiff_t kNumberToCall = 24;     // bytes from the call's number to the call
constexpr uint64_t kMaxStarts = 1 << 22;    // bytes of the table of functions
constexpr uint32_t kTableOfPairs = 0x3B03;  // encodings: a count, then pairs relative to the table

// --- code ------------------------------------------------------------------------------------

constexpr std::array<uint8_t, 5> kNumber = {0xB8, 0xCA, 0, 0, 0};  // mov $futex, %eax
constexpr std::array<uint8_t, 2> kCall = {0x0F, 0x05};             // syscall

uint32_t word_at(Code code, size_t at) {
    uint32_t out = 0;
    std::memcpy(&out, code.data() + at, sizeof(out));
    return out;
}

// Where the number of the system call is set, and how far from there it is called.
struct FutexCall {
    size_t at;
    size_t to_call;
};
std::vector<FutexCall> futex_calls(Code code, Machine machine) {
    std::vector<FutexCall> out;
    if (machine == Machine::kX86_64) {
        for (auto at = code.begin();; ++at) {
            at = std::search(at, code.end(), kNumber.begin(), kNumber.end());
            if (at == code.end()) return out;
            // With a prefix it sets another register.
            if (at != code.begin() && (at[-1] & 0xF0) == 0x40) continue;
            const auto end = at + std::min<ptrdiff_t>(code.end() - at, kNumberToCall);
            const auto call = std::search(at, end, kCall.begin(), kCall.end());
            if (call != end) out.push_back({size_t(at - code.begin()), size_t(call - at)});
        }
    }
    constexpr uint32_t kSetNumber = 0xD2800C48;  // mov x8, #futex
    constexpr uint32_t kSvc = 0xD4000001;        // svc #0
    std::optional<size_t> number;
    for (size_t at = 0; at + 4 <= code.size(); at += 4) {
        if (word_at(code, at) == kSetNumber) number = at;
        if (word_at(code, at) != kSvc || !number) continue;
        out.push_back({*number, at - *number});
        number.reset();
    }
    return out;
}

struct Branch {
    uint64_t target;
    uint64_t next;  // the instruction behind it
    bool is_call;
};
std::vector<Branch> branches_of(Code code, uint64_t address, Machine machine) {
    std::vector<Branch> out;
    if (machine == Machine::kX86_64) {
        for (size_t at = 0; at + 5 <= code.size(); ++at) {
            const bool conditional =  // of which the second byte is looked at here
                at != 0 && code[at - 1] == 0x0F && (code[at] & 0xF0) == 0x80;
            if (code[at] != 0xE8 && code[at] != 0xE9 && !conditional) continue;
            const uint64_t next = address + at + 5;
            const auto distance = int64_t(int32_t(word_at(code, at + 1)));
            out.push_back({next + uint64_t(distance), next, code[at] == 0xE8});
        }
        return out;
    }
    for (size_t at = 0; at + 4 <= code.size(); at += 4) {
        const uint32_t word = word_at(code, at);
        if ((word & 0x7C000000) != 0x14000000) continue;  // b, bl
        const auto distance = int64_t(uint64_t(word & 0x03FFFFFF) << 38) >> 36;
        out.push_back(
            {address + at + uint64_t(distance), address + at + 4, (word & 0x80000000) != 0});
    }
    return out;
}

// Those of the table that finds their frames (.eh_frame_hdr).
void add_starts_of_frames(std::vector<uint64_t>& to, const ElfFile& file) {
    size_t count = 0;
    if (elf_getphdrnum(file.get(), &count) != 0) return;
    for (size_t i = 0; i < count; ++i) {
        GElf_Phdr segment{};
        if (gelf_getphdr(file.get(), int(i), &segment) == nullptr) return;
        if (segment.p_type != PT_GNU_EH_FRAME) continue;
        const auto bytes = file.code_at(segment.p_vaddr, std::min(segment.p_filesz, kMaxStarts));
        ByteReader in(std::as_bytes(std::span(bytes)));
        struct Header {
            uint8_t version, frames_encoding;
            uint16_t encodings;
            int32_t frames;
            uint32_t functions;
        };
        const auto header = in.read<Header>("table of functions");
        if (!header || header->encodings != kTableOfPairs) return;
        struct Pair {
            int32_t function, frame;
        };
        for (uint32_t n = 0; n < header->functions; ++n) {
            const auto pair = in.read<Pair>("table of functions");
            if (!pair) return;
            to.push_back(segment.p_vaddr + uint64_t(int64_t{pair->function}));
        }
    }
}

// Where functions begin, in order.
std::vector<uint64_t> function_starts(const ElfFile& file) {
    std::vector<uint64_t> out;
    add_starts_of_frames(out, file);
    for (const uint32_t table : {uint32_t{SHT_DYNSYM}, uint32_t{SHT_SYMTAB}}) {
        for (const ElfSymbol& symbol : file.functions(table)) out.push_back(symbol.address);
    }
    std::sort(out.begin(), out.end());
    return out;
}

// --- a library -------------------------------------------------------------------------------

struct Function {
    uint64_t address = 0;
    std::vector<uint8_t> code;

    bool has(uint64_t place) const { return place - address < code.size(); }
    std::vector<Branch> branches() const { return branches_of(code, address, this_machine()); }
};
using Functions = std::vector<Function>;
using Addresses = std::vector<uint64_t>;

bool has(const Addresses& all, uint64_t address) {
    return std::find(all.begin(), all.end(), address) != all.end();
}
void add(Addresses& to, uint64_t address) {
    if (!has(to, address)) to.push_back(address);
}

class Library {
public:
    Library(const ElfFile& file, const std::vector<ElfSymbol>& symbols)
        : file_(file), symbols_(symbols), starts_(function_starts(file)) {}

    std::optional<uint64_t> find(std::string_view name) const {
        const auto symbol = std::find_if(symbols_.begin(), symbols_.end(),
                                         [&](const ElfSymbol& s) { return s.name == name; });
        return symbol == symbols_.end() ? std::nullopt : std::optional(symbol->address);
    }
    // All of the name, of whatever version, with the functions that they end in by a jump.
    Functions with_ends(std::string_view name) const {
        Functions out;
        for (const ElfSymbol& symbol : symbols_) {
            if (symbol.name != name || out.size() >= kMaxParts) continue;
            const auto known = [&](const Function& f) { return f.has(symbol.address); };
            if (std::any_of(out.begin(), out.end(), known)) continue;
            Functions more = with_ends(symbol.address);
            out.insert(out.end(), std::make_move_iterator(more.begin()),
                       std::make_move_iterator(more.end()));
        }
        return out;
    }
    Functions with_ends(uint64_t address) const {
        Functions out{at(address)};
        for (size_t i = 0; i < out.size(); ++i) {
            for (const Branch& branch : out[i].branches()) {
                if (branch.is_call || !begins_at(branch.target)) continue;
                const auto known = [&](const Function& f) { return f.has(branch.target); };
                if (std::any_of(out.begin(), out.end(), known)) continue;
                if (out.size() < kMaxParts) out.push_back(at(branch.target));
            }
        }
        return out;
    }
    // Those that the kernel is asked in, without those that they call.
    bool asks_kernel(uint64_t address) const {
        const Functions all = with_ends(address);
        return std::any_of(all.begin(), all.end(), [](const Function& function) {
            return !futex_calls(function.code, this_machine()).empty();
        });
    }
    // What looks like a call; its target need not be a function.
    Addresses called_by(const Functions& functions) const {
        Addresses out;
        for (const Function& function : functions) {
            for (const Branch& branch : function.branches()) {
                if (branch.is_call) add(out, branch.target);
            }
        }
        return out;
    }
    Addresses functions_called_by(const Functions& functions) const {
        Addresses out = called_by(functions);
        std::erase_if(out, [this](uint64_t address) { return !begins_at(address); });
        out.resize(std::min(out.size(), kMaxCalled));
        return out;
    }
    Addresses askers_called_by(const Functions& functions) const {
        Addresses out = functions_called_by(functions);
        std::erase_if(out, [this](uint64_t address) { return !asks_kernel(address); });
        return out;
    }

private:
    const ElfSymbol* symbol_at(uint64_t address) const {
        const auto symbol = std::find_if(symbols_.begin(), symbols_.end(), [&](const ElfSymbol& s) {
            return s.address == address && s.size != 0;
        });
        return symbol == symbols_.end() ? nullptr : &*symbol;
    }
    bool begins_at(uint64_t address) const {
        return symbol_at(address) != nullptr ||
               std::binary_search(starts_.begin(), starts_.end(), address);
    }
    Function at(uint64_t address) const {
        uint64_t size = 0;
        if (const ElfSymbol* symbol = symbol_at(address)) {
            size = symbol->size;
        } else {
            const auto next = std::upper_bound(starts_.begin(), starts_.end(), address);
            if (next != starts_.end()) size = *next - address;
        }
        return {address, file_.code_at(address, std::min(size, kMaxCode))};
    }

    const ElfFile& file_;
    const std::vector<ElfSymbol>& symbols_;
    Addresses starts_;
};

using Places = std::vector<LockPlace>;

void add(Places& to, uint64_t address, Kind kind) {
    const auto known = [&](const LockPlace& place) { return place.address == address; };
    if (std::none_of(to.begin(), to.end(), known)) to.push_back({address, kind, {}});
}

// The calls of `target` in these functions.
void add_callers(LockPlace& to, const Functions& functions, uint64_t target, LockKind kind) {
    for (const Function& function : functions) {
        for (const Branch& branch : function.branches()) {
            if (branch.is_call && branch.target == target)
                to.callers.push_back({branch.next, kind});
        }
    }
}

void append(Functions& to, Functions more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// --- glibc -----------------------------------------------------------------------------------

void add_wakes(Places& to, const Library& library, std::optional<uint64_t> lock_wake) {
    if (lock_wake) add(to, *lock_wake, Kind::kWaitIsOver);
    for (const std::string_view name : kUnlocks) {
        const Functions functions = library.with_ends(name);
        const Addresses askers = library.askers_called_by(functions);
        if (!lock_wake && !askers.empty()) add(to, askers.front(), Kind::kWaitIsOver);
        for (const Function& function : functions) {
            for (const FutexCall& call : futex_calls(function.code, this_machine()))
                add(to, function.address + call.at, Kind::kWaitIsOver);
        }
    }
}

// Where the call follows its number at once, so that all its arguments are there: in others is
// nothing that waits for a mutex.
void add_inline_waits(Places& to, const Functions& functions) {
    for (const Function& function : functions) {
        for (const FutexCall& call : futex_calls(function.code, this_machine())) {
            if (call.to_call != kNumber.size()) continue;
            const uint64_t begins = function.address + call.at;
            add(to, begins, Kind::kWaitBegins);
            add(to, begins + kNumber.size() + kCall.size(), Kind::kWaitEnds);
        }
    }
}

std::optional<uint64_t> glibc_wait(const Library& library, const Functions& lock) {
    if (const auto named = library.find(kLockWait)) return named;
    if (lock.empty()) return std::nullopt;
    // Of those that it calls itself, not of what it ends in for mutexes of rare kinds.
    const Addresses askers = library.askers_called_by({lock.begin(), std::next(lock.begin())});
    return askers.empty() ? std::nullopt : std::optional(askers.front());
}

// With these pthread_cond_wait takes its mutex again.
Functions cond_locks(const Library& library, std::optional<uint64_t> lock_wait) {
    Functions out;
    if (!lock_wait) return out;
    for (const uint64_t called : library.functions_called_by(library.with_ends(kCondWait))) {
        Functions ends = library.with_ends(called);
        if (has(library.called_by(ends), *lock_wait)) append(out, std::move(ends));
    }
    return out;
}

Places places_of_glibc(const Library& library) {
    Places out;
    Functions lock = library.with_ends(kMutexLock);
    const auto lock_wait = glibc_wait(library, lock);
    if (lock_wait) add(out, *lock_wait, Kind::kWaitForLock);
    if (this_machine() != Machine::kX86_64) return out;  // where the rest has been tried
    append(lock, cond_locks(library, lock_wait));
    Functions mutexes = library.with_ends(kMutexTimedLock);
    Functions rwlocks;
    for (const std::string_view name : kRwlocks) append(rwlocks, library.with_ends(name));
    auto word_wait = library.find(kWordWait);
    if (!word_wait) {
        for (const uint64_t asker : library.askers_called_by(rwlocks)) {
            if (!word_wait && has(library.called_by(mutexes), asker)) word_wait = asker;
        }
    }
    if (const auto inheriting = library.find(kInheriting)) {
        add(out, *inheriting, Kind::kWaitForLock);
    } else if (word_wait) {
        const Addresses timed = library.called_by(mutexes);
        const Addresses unlock = library.called_by(library.with_ends(kUnlocks[0]));
        for (const uint64_t asker : library.askers_called_by(lock)) {
            if (asker != *word_wait && has(timed, asker) && !has(unlock, asker))
                add(out, asker, Kind::kWaitForLock);
        }
    }
    const size_t before = out.size();
    if (word_wait) {
        LockPlace place{*word_wait, Kind::kWaitForWord, {}};
        add_callers(place, mutexes, *word_wait, LockKind::kMutex);
        add_callers(place, rwlocks, *word_wait, LockKind::kRwlock);
        if (!place.callers.empty()) out.push_back(std::move(place));
    }
    add_inline_waits(out, lock);
    if (out.size() != before) add_wakes(out, library, library.find(kLockWake));
    return out;
}

// --- musl ------------------------------------------------------------------------------------

struct MuslLock {
    std::string_view lock, try_lock;
    LockKind kind;
};
constexpr MuslLock kMuslLocks[] = {
    {kMutexTimedLock, kMutexTryLock, LockKind::kMuslMutex},
    {kTimedRead, "pthread_rwlock_tryrdlock", LockKind::kMuslRwlock},
    {kTimedWrite, "pthread_rwlock_trywrlock", LockKind::kMuslRwlock},
};

bool is_musl(const Library& library) {
    if (this_machine() != Machine::kX86_64) return false;
    const auto try_lock = library.find(kMutexTryLock);
    return try_lock && has(library.called_by(library.with_ends(kMutexTimedLock)), *try_lock);
}

// The one function that both kinds of locks for readers and writers call.
std::optional<uint64_t> musl_wait(const Library& library) {
    if (const auto named = library.find(kMuslWait)) return named;
    const Addresses writers = library.called_by(library.with_ends(kTimedWrite));
    Addresses both = library.called_by(library.with_ends(kTimedRead));
    std::erase_if(both, [&](uint64_t address) { return !has(writers, address); });
    return both.size() == 1 ? std::optional(both.front()) : std::nullopt;
}

Places places_of_musl(const Library& library) {
    const auto wait = musl_wait(library);
    if (!wait) return {};
    LockPlace waits{*wait, Kind::kWaitForWord, {}};
    Places out;
    for (const MuslLock& lock : kMuslLocks) {
        const Functions functions = library.with_ends(lock.lock);
        const auto try_lock = library.find(lock.try_lock);
        if (functions.empty() || !try_lock) continue;
        add_callers(waits, {functions.front()}, *wait, lock.kind);
        bool is_first = true;  // is come by when the lock is free, too
        for (const Branch& branch : functions.front().branches()) {
            if (!branch.is_call || branch.target != *try_lock) continue;
            if (!is_first) add(out, branch.next, Kind::kLockIsTried);
            is_first = false;
        }
    }
    if (waits.callers.empty()) return {};
    out.push_back(std::move(waits));
    return out;
}

}  // namespace

bool is_looked_at_for_locks(std::string_view name) {
    constexpr std::string_view kOthers[] = {kMutexLock,  kMutexTimedLock, kMutexTryLock,
                                            kCondWait,   kLockWait,       kLockWake,
                                            kInheriting, kWordWait,       kMuslWait};
    const auto is_it = [name](std::string_view one) { return one == name; };
    return std::any_of(std::begin(kOthers), std::end(kOthers), is_it) ||
           std::any_of(std::begin(kRwlocks), std::end(kRwlocks), is_it) ||
           std::any_of(std::begin(kUnlocks), std::end(kUnlocks), is_it) ||
           std::any_of(std::begin(kMuslLocks), std::end(kMuslLocks),
                       [name](const MuslLock& lock) { return lock.try_lock == name; });
}

bool is_looked_at_for_waits(std::string_view name) {
    const auto begins = [name](std::string_view how) { return name.starts_with(how); };
    return name == kSystemCall || name.starts_with(kCancelled) ||
           std::any_of(std::begin(kWaits), std::end(kWaits), begins);
}

std::vector<WaitCode> find_wait_code(const ElfFile& file, const std::vector<ElfSymbol>& symbols) {
    const auto locks = [](const ElfSymbol& symbol) { return symbol.name == kMutexLock; };
    if (std::none_of(symbols.begin(), symbols.end(), locks)) return {};
    if (symbols.size() > kMaxWaitSymbols) return {};
    const Library library(file, symbols);
    const bool is_shared = !file.functions(SHT_DYNSYM).empty();
    if (is_shared && !library.find(kMutexType)) return {};
    Functions mutexes = library.with_ends(kMutexLock);
    const bool musl = is_musl(library);
    const FutexOwner others = musl ? FutexOwner::kMusl : FutexOwner::kGlibc;
    std::vector<WaitCode> out;
    const auto add = [&](const Functions& functions, FutexOwner owner) {
        for (const Function& function : functions)
            out.push_back({function.address, function.code.size(), owner});
    };
    add(library.with_ends(kSystemCall), FutexOwner::kProgram);
    if (!musl) {
        append(mutexes, cond_locks(library, glibc_wait(library, mutexes)));
        append(mutexes, library.with_ends(kMutexTimedLock));
        add(mutexes, FutexOwner::kMutex);
    }
    if (is_shared) {  // most of what waits in a library has no name
        out.push_back({0, 0, others});
        return out;
    }
    for (const ElfSymbol& symbol : symbols) {
        const auto is_known = [&](const WaitCode& code) { return code.address == symbol.address; };
        if (symbol.size == 0 || std::any_of(out.begin(), out.end(), is_known)) continue;
        if (symbol.name.starts_with(kCancelled) || library.asks_kernel(symbol.address))
            out.push_back({symbol.address, symbol.size, others});
    }
    return out;
}

std::vector<LockPlace> find_lock_places(const ElfFile& file,
                                        const std::vector<ElfSymbol>& symbols) {
    if (symbols.size() > kMaxSymbols) return {};
    const Library library(file, symbols);
    return is_musl(library) ? places_of_musl(library) : places_of_glibc(library);
}

}  // namespace etw::kernel
