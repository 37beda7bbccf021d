#include "support/shared_folder.h"

namespace etw::test {

std::string shared_folder() { return ETW_SHARED_DIR; }

}  // namespace etw::test
