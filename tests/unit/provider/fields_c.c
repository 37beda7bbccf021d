#include <stdbool.h>

#define FIELDS_PROVIDER g_fields_c
#define FIELDS_FUNCTION write_fields_c
#include "fields.h"
