/* What fields.h says about the event that it has just written; implemented by fields_test.cpp. */
#pragma once
#include <evntprov.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

void expect_event(const char* what, const char* schema, size_t schema_size, const char* payload,
                  size_t payload_size);
/* array: 0, 0x40 (counted) or 0x20 (constant), of two values. */
void expect_scalar(const char* what, int in, int out, int array, const void* payload, size_t size);
void expect_head(int id, int channel, int level, int opcode, uint64_t keyword, const GUID* activity,
                 const GUID* related);
/* The same of an event without fields in the default channel. */
void expect_event_of(const char* name, int level, int opcode, uint64_t keyword,
                     const GUID* activity, const GUID* related);
void expect_true(const char* what, bool condition);
void expect_tag(const char* bytes);
void expect_payload_size(size_t size);
void expect_nothing(void);
size_t taken(void); /* events since the last one that was looked at */

void write_fields_c(void);
void write_fields_cpp(void);

#ifdef __cplusplus
}
#endif
