// Compiled manifests: the resource WEVT_TEMPLATE of a Windows program, which the message compiler
// makes of a manifest. Its texts are numbers of the program's message table.
#pragma once
#include "decode/message_table.h"
#include "decode/provider_model.h"
#include "etw/bytes.h"

#include <vector>

namespace etw::decode {

// What the resource says of events. A damaged event or template costs itself only. kInvalidData
// where the resource as a whole is none.
Result<std::vector<ProviderModel>> parse_wevt_template(Bytes resource, const MessageTable& texts);

}  // namespace etw::decode
