#define MESSAGES_FUNCTION(name) messages_c_##name
#include "messages.h"
