// The rival's form of the events of bench_writer.h.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER rival

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lttng_events.h"

#if !defined(ETW_LTTNG_EVENTS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define ETW_LTTNG_EVENTS_H

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(rival, one, LTTNG_UST_TP_ARGS(uint32_t, v),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint32_t, v, v)))

LTTNG_UST_TRACEPOINT_EVENT(rival, three, LTTNG_UST_TP_ARGS(uint64_t, a, double, b, const char*, c),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, a, a)
                                                   lttng_ust_field_float(double, b, b)
                                                       lttng_ust_field_string(c, c)))

LTTNG_UST_TRACEPOINT_EVENT(rival, message, LTTNG_UST_TP_ARGS(int32_t, a, int32_t, b),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(int32_t, a, a)
                                                   lttng_ust_field_integer(int32_t, b, b)))

#endif

#include <lttng/tracepoint-event.h>
