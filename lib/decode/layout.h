// Compiles the text of a kernel layout (kernel_table.h) for one pointer size.
#pragma once
#include "decode/kernel_table.h"
#include "decode/schema.h"

namespace etw::decode {

// The text is ours: a mistake in it is a failed assertion.
Program compile_layout(std::string_view fields, bool is_64_bit);

}  // namespace etw::decode
