#define MESSAGES_FUNCTION(name) messages_cpp_##name
#include "messages.h"

/* Types that only C++ has. */
namespace {
enum class Scoped : uint16_t { kOne = 1 };
template <class T>
void write_any(T value) {
    DoTraceMessage(FLAG_ONE, "%!FUNC! %u", value);
    [[maybe_unused]] const auto in_lambda = [] { DoTraceMessage(FLAG_ONE, "%d", Scoped::kOne); };
}
}  // namespace
void write_templates();
void write_templates() {
    write_any(Scoped::kOne);
    write_any(true);
}
