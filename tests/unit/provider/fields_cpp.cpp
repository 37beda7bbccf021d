#define FIELDS_PROVIDER g_fields_cpp
#define FIELDS_FUNCTION write_fields_cpp
#include "fields.h"
