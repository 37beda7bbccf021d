/* Manifest-style event providers with the names, types and layouts of the Windows SDK's evntprov.h:
 * the same source compiles there against the SDK and elsewhere against this. */
#pragma once
#pragma GCC system_header
#include "provider.h"
#include "win_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EVENT_MIN_LEVEL 0
#define EVENT_MAX_LEVEL 0xff

#define EVENT_ACTIVITY_CTRL_GET_ID 1
#define EVENT_ACTIVITY_CTRL_SET_ID 2
#define EVENT_ACTIVITY_CTRL_CREATE_ID 3
#define EVENT_ACTIVITY_CTRL_GET_SET_ID 4
#define EVENT_ACTIVITY_CTRL_CREATE_SET_ID 5

#define EVENT_WRITE_FLAG_NO_FAULTING 0x00000001
#define EVENT_WRITE_FLAG_INPRIVATE 0x00000002

#define MAX_EVENT_DATA_DESCRIPTORS 128
#define MAX_EVENT_FILTER_DATA_SIZE 1024

#define EVENT_CONTROL_CODE_DISABLE_PROVIDER 0
#define EVENT_CONTROL_CODE_ENABLE_PROVIDER 1
#define EVENT_CONTROL_CODE_CAPTURE_STATE 2

typedef ULONGLONG REGHANDLE, *PREGHANDLE;

typedef struct _EVENT_DESCRIPTOR {
    USHORT Id;
    UCHAR Version;
    UCHAR Channel;
    UCHAR Level;
    UCHAR Opcode;
    USHORT Task;
    ULONGLONG Keyword;
} EVENT_DESCRIPTOR, *PEVENT_DESCRIPTOR;
typedef const EVENT_DESCRIPTOR* PCEVENT_DESCRIPTOR;

#define EVENT_DATA_DESCRIPTOR_TYPE_NONE 0
#define EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA 1
#define EVENT_DATA_DESCRIPTOR_TYPE_PROVIDER_METADATA 2
#define EVENT_DATA_DESCRIPTOR_TYPE_TIMESTAMP_OVERRIDE 3

typedef struct _EVENT_DATA_DESCRIPTOR {
    ULONGLONG Ptr;
    ULONG Size;
    __extension__ union {
        ULONG Reserved;
        __extension__ struct {
            UCHAR Type;
            UCHAR Reserved1;
            USHORT Reserved2;
        };
    };
} EVENT_DATA_DESCRIPTOR, *PEVENT_DATA_DESCRIPTOR;

typedef struct _EVENT_FILTER_DESCRIPTOR {
    ULONGLONG Ptr;
    ULONG Size;
    ULONG Type;
} EVENT_FILTER_DESCRIPTOR, *PEVENT_FILTER_DESCRIPTOR;

#define EVENT_FILTER_TYPE_NONE 0x00000000
#define EVENT_FILTER_TYPE_SCHEMATIZED 0x80000000
#define EVENT_FILTER_TYPE_SYSTEM_FLAGS 0x80000001
#define EVENT_FILTER_TYPE_TRACEHANDLE 0x80000002
#define EVENT_FILTER_TYPE_PID 0x80000004
#define EVENT_FILTER_TYPE_EXECUTABLE_NAME 0x80000008
#define EVENT_FILTER_TYPE_PACKAGE_ID 0x80000010
#define EVENT_FILTER_TYPE_PACKAGE_APP_ID 0x80000020
#define EVENT_FILTER_TYPE_PAYLOAD 0x80000100
#define EVENT_FILTER_TYPE_EVENT_ID 0x80000200
#define EVENT_FILTER_TYPE_EVENT_NAME 0x80000400
#define EVENT_FILTER_TYPE_STACKWALK 0x80001000
#define EVENT_FILTER_TYPE_STACKWALK_NAME 0x80002000
#define EVENT_FILTER_TYPE_STACKWALK_LEVEL_KW 0x80004000

/* What Windows' sessions may hand to a callback as FilterData, for the sources that read it. Here
 * it is null: who and what a session excludes is the library's to know. */
typedef struct _EVENT_FILTER_HEADER {
    USHORT Id;
    UCHAR Version;
    UCHAR Reserved[5];
    ULONGLONG InstanceId;
    ULONG Size;
    ULONG NextOffset;
} EVENT_FILTER_HEADER, *PEVENT_FILTER_HEADER;
typedef struct _EVENT_FILTER_EVENT_ID {
    BOOLEAN FilterIn;
    UCHAR Reserved;
    USHORT Count;
    USHORT Events[1];
} EVENT_FILTER_EVENT_ID, *PEVENT_FILTER_EVENT_ID;
typedef struct _EVENT_FILTER_EVENT_NAME {
    ULONGLONG MatchAnyKeyword;
    ULONGLONG MatchAllKeyword;
    UCHAR Level;
    BOOLEAN FilterIn;
    USHORT NameCount;
    UCHAR Names[1];
} EVENT_FILTER_EVENT_NAME, *PEVENT_FILTER_EVENT_NAME;
typedef struct _EVENT_FILTER_LEVEL_KW {
    ULONGLONG MatchAnyKeyword;
    ULONGLONG MatchAllKeyword;
    UCHAR Level;
    BOOLEAN FilterIn;
} EVENT_FILTER_LEVEL_KW, *PEVENT_FILTER_LEVEL_KW;

typedef enum _EVENT_INFO_CLASS {
    EventProviderBinaryTrackInfo,
    EventProviderSetReserved1,
    EventProviderSetTraits,
    EventProviderUseDescriptorType,
    MaxEventInfo
} EVENT_INFO_CLASS;

typedef VOID (*PENABLECALLBACK)(LPCGUID SourceId, ULONG IsEnabled, UCHAR Level,
                                ULONGLONG MatchAnyKeyword, ULONGLONG MatchAllKeyword,
                                PEVENT_FILTER_DESCRIPTOR FilterData, PVOID CallbackContext);

/* Returns 0, ERROR_INVALID_PARAMETER or ERROR_NO_SYSTEM_RESOURCES. */
static inline ULONG EventRegister(LPCGUID ProviderId, PENABLECALLBACK EnableCallback,
                                  PVOID CallbackContext, PREGHANDLE RegHandle) {
    return etw_register((const etw_guid*)ProviderId, NULL, NULL, (etw_callback)EnableCallback,
                        CallbackContext, RegHandle);
}

static inline ULONG EventUnregister(REGHANDLE RegHandle) { return etw_unregister(RegHandle); }

/* EventProviderSetTraits, which has EVENT_DATA_DESCRIPTOR.Type respected too, and
 * EventProviderUseDescriptorType with a BOOLEAN; the other classes give ERROR_NOT_SUPPORTED. */
static inline ULONG EventSetInformation(REGHANDLE RegHandle, EVENT_INFO_CLASS InformationClass,
                                        PVOID EventInformation, ULONG InformationLength) {
    switch (InformationClass) {
        case EventProviderSetTraits:
            return etw_set_traits(RegHandle, EventInformation, InformationLength);
        case EventProviderUseDescriptorType:
            if (EventInformation == NULL || InformationLength < sizeof(BOOLEAN)) {
                return ERROR_INVALID_PARAMETER;
            }
            return etw_set_typed(RegHandle, *(const BOOLEAN*)EventInformation);
        default:
            return ERROR_NOT_SUPPORTED;
    }
}

static inline BOOLEAN EventProviderEnabled(REGHANDLE RegHandle, UCHAR Level, ULONGLONG Keyword) {
    return (BOOLEAN)etw_is_enabled(RegHandle, Level, Keyword);
}

static inline BOOLEAN EventEnabled(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor) {
    return (BOOLEAN)etw_is_enabled(RegHandle, EventDescriptor->Level, EventDescriptor->Keyword);
}

static inline ULONG EventWriteTransfer(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor,
                                       LPCGUID ActivityId, LPCGUID RelatedActivityId,
                                       ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData) {
    return etw_write(RegHandle, (const etw_descriptor*)EventDescriptor, (const etw_guid*)ActivityId,
                     (const etw_guid*)RelatedActivityId, UserDataCount, (const etw_data*)UserData);
}

static inline ULONG EventWrite(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor,
                               ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData) {
    return EventWriteTransfer(RegHandle, EventDescriptor, NULL, NULL, UserDataCount, UserData);
}

/* On Windows these also begin and end the scenarios of its diagnostics that are configured with the
 * event. There are none here. */
static inline ULONG EventWriteStartScenario(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor,
                                            ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData) {
    return EventWrite(RegHandle, EventDescriptor, UserDataCount, UserData);
}
static inline ULONG EventWriteEndScenario(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor,
                                          ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData) {
    return EventWrite(RegHandle, EventDescriptor, UserDataCount, UserData);
}

/* Filter names sessions that are not to get the event, by bits that they have told the callback:
 * none does here, so that all get it. EVENT_WRITE_FLAG_INPRIVATE: all but those that have
 * EVENT_ENABLE_PROPERTY_EXCLUDE_INPRIVATE (-enableproperty 0x200). */
static inline ULONG EventWriteEx(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor,
                                 ULONG64 Filter, ULONG Flags, LPCGUID ActivityId,
                                 LPCGUID RelatedActivityId, ULONG UserDataCount,
                                 PEVENT_DATA_DESCRIPTOR UserData) {
    const ULONG known = EVENT_WRITE_FLAG_NO_FAULTING | EVENT_WRITE_FLAG_INPRIVATE;
    (void)Filter;
    if ((Flags & ~known) != 0) return ERROR_INVALID_PARAMETER;
    if ((Flags & EVENT_WRITE_FLAG_INPRIVATE) == 0) {
        return EventWriteTransfer(RegHandle, EventDescriptor, ActivityId, RelatedActivityId,
                                  UserDataCount, UserData);
    }
    return etw_write_in_private(RegHandle, (const etw_descriptor*)EventDescriptor,
                                (const etw_guid*)ActivityId, (const etw_guid*)RelatedActivityId,
                                UserDataCount, (const etw_data*)UserData);
}

static inline void EventDescCreate(PEVENT_DESCRIPTOR EventDescriptor, USHORT Id, UCHAR Version,
                                   UCHAR Channel, UCHAR Level, USHORT Task, UCHAR Opcode,
                                   ULONGLONG Keyword) {
    EventDescriptor->Id = Id;
    EventDescriptor->Version = Version;
    EventDescriptor->Channel = Channel;
    EventDescriptor->Level = Level;
    EventDescriptor->Task = Task;
    EventDescriptor->Opcode = Opcode;
    EventDescriptor->Keyword = Keyword;
}

static inline void EventDescZero(PEVENT_DESCRIPTOR EventDescriptor) {
    EventDescCreate(EventDescriptor, 0, 0, 0, 0, 0, 0, 0);
}

static inline USHORT EventDescGetId(PCEVENT_DESCRIPTOR EventDescriptor) {
    return EventDescriptor->Id;
}
static inline PEVENT_DESCRIPTOR EventDescSetId(PEVENT_DESCRIPTOR EventDescriptor, USHORT Id) {
    EventDescriptor->Id = Id;
    return EventDescriptor;
}
static inline UCHAR EventDescGetVersion(PCEVENT_DESCRIPTOR EventDescriptor) {
    return EventDescriptor->Version;
}
static inline PEVENT_DESCRIPTOR EventDescSetVersion(PEVENT_DESCRIPTOR EventDescriptor,
                                                    UCHAR Version) {
    EventDescriptor->Version = Version;
    return EventDescriptor;
}
static inline UCHAR EventDescGetChannel(PCEVENT_DESCRIPTOR EventDescriptor) {
    return EventDescriptor->Channel;
}
static inline PEVENT_DESCRIPTOR EventDescSetChannel(PEVENT_DESCRIPTOR EventDescriptor,
                                                    UCHAR Channel) {
    EventDescriptor->Channel = Channel;
    return EventDescriptor;
}
static inline UCHAR EventDescGetLevel(PCEVENT_DESCRIPTOR EventDescriptor) {
    return EventDescriptor->Level;
}
static inline PEVENT_DESCRIPTOR EventDescSetLevel(PEVENT_DESCRIPTOR EventDescriptor, UCHAR Level) {
    EventDescriptor->Level = Level;
    return EventDescriptor;
}
static inline UCHAR EventDescGetOpcode(PCEVENT_DESCRIPTOR EventDescriptor) {
    return EventDescriptor->Opcode;
}
static inline PEVENT_DESCRIPTOR EventDescSetOpcode(PEVENT_DESCRIPTOR EventDescriptor,
                                                   UCHAR Opcode) {
    EventDescriptor->Opcode = Opcode;
    return EventDescriptor;
}
static inline USHORT EventDescGetTask(PCEVENT_DESCRIPTOR EventDescriptor) {
    return EventDescriptor->Task;
}
static inline PEVENT_DESCRIPTOR EventDescSetTask(PEVENT_DESCRIPTOR EventDescriptor, USHORT Task) {
    EventDescriptor->Task = Task;
    return EventDescriptor;
}
static inline ULONGLONG EventDescGetKeyword(PCEVENT_DESCRIPTOR EventDescriptor) {
    return EventDescriptor->Keyword;
}
static inline PEVENT_DESCRIPTOR EventDescSetKeyword(PEVENT_DESCRIPTOR EventDescriptor,
                                                    ULONGLONG Keyword) {
    EventDescriptor->Keyword = Keyword;
    return EventDescriptor;
}
static inline PEVENT_DESCRIPTOR EventDescOrKeyword(PEVENT_DESCRIPTOR EventDescriptor,
                                                   ULONGLONG Keyword) {
    EventDescriptor->Keyword |= Keyword;
    return EventDescriptor;
}

static inline void EventDataDescCreate(PEVENT_DATA_DESCRIPTOR EventDataDescriptor,
                                       const void* DataPtr, ULONG DataSize) {
    EventDataDescriptor->Ptr = (ULONGLONG)(ULONG_PTR)DataPtr;
    EventDataDescriptor->Size = DataSize;
    EventDataDescriptor->Reserved = 0;
}

static inline ULONG EventWriteString(REGHANDLE RegHandle, UCHAR Level, ULONGLONG Keyword,
                                     PCWSTR String) {
    EVENT_DESCRIPTOR descriptor;
    EVENT_DATA_DESCRIPTOR data;
    ULONG length = 0;
    if (String == NULL) return ERROR_INVALID_PARAMETER;
    while (String[length] != 0) ++length;
    EventDescCreate(&descriptor, 0, 0, 0, Level, 0, 0, Keyword);
    EventDataDescCreate(&data, String, (length + 1) * (ULONG)sizeof(WCHAR));
    return EventWrite(RegHandle, &descriptor, 1, &data);
}

static inline ULONG EventActivityIdControl(ULONG ControlCode, LPGUID ActivityId) {
    etw_guid* id = (etw_guid*)ActivityId;
    etw_guid given;
    if (id == NULL) return ERROR_INVALID_PARAMETER;
    given = *id;
    switch (ControlCode) {
        case EVENT_ACTIVITY_CTRL_GET_ID:
            etw_activity_get(id);
            return ERROR_SUCCESS;
        case EVENT_ACTIVITY_CTRL_SET_ID:
            etw_activity_set(id);
            return ERROR_SUCCESS;
        case EVENT_ACTIVITY_CTRL_CREATE_ID:
            etw_activity_create(id);
            return ERROR_SUCCESS;
        case EVENT_ACTIVITY_CTRL_GET_SET_ID:
            etw_activity_get(id);
            etw_activity_set(&given);
            return ERROR_SUCCESS;
        case EVENT_ACTIVITY_CTRL_CREATE_SET_ID: /* gives the old id, sets a new one */
            etw_activity_get(id);
            etw_activity_create(&given);
            etw_activity_set(&given);
            return ERROR_SUCCESS;
        default:
            return ERROR_INVALID_PARAMETER;
    }
}

#ifdef __cplusplus
}
#endif
