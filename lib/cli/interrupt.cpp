#include "cli/interrupt.h"

#include "base/signals.h"

#include <atomic>
#include <csignal>

namespace etw::cli {
namespace {

std::atomic<session::Consumer*> g_consumer{nullptr};
std::atomic<bool> g_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int number) {
    std::signal(number, SIG_DFL);
    Interrupts::ask();
}

// A signal that whoever started us ignores (nohup, a shell's background job) stays ignored.
void heed(int number) {
    if (std::signal(number, on_signal) == SIG_IGN) std::signal(number, SIG_IGN);
}

void leave(int number) {
    if (std::signal(number, SIG_DFL) == SIG_IGN) std::signal(number, SIG_IGN);
}

}  // namespace

Interrupts::Interrupts(session::Consumer* consumer) {
    g_asked = false;
    g_consumer = consumer;
    heed(SIGINT);
    heed(SIGTERM);
}

Interrupts::~Interrupts() {
    leave(SIGINT);
    leave(SIGTERM);
    g_consumer = nullptr;
}

bool Interrupts::asked() noexcept { return g_asked.load(std::memory_order_relaxed); }

void Interrupts::ask() noexcept {
    g_asked.store(true, std::memory_order_relaxed);
    if (session::Consumer* consumer = g_consumer.load()) consumer->interrupt();
}

void Interrupts::heed_for_good() {
    for (const int number : end_signals()) heed(number);
}

}  // namespace etw::cli
