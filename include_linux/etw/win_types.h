/* The base types of Windows that event sources use in their own code, with the sizes they have on
 * 64-bit Windows (ULONG is 32 bits, WCHAR 16). */
#pragma once
#pragma GCC system_header
#include <stddef.h>
#include <stdint.h>
#include <uchar.h>

typedef void VOID;
typedef void* PVOID;
typedef void* LPVOID;
typedef void* HANDLE;
typedef const void* PCVOID;
typedef char CHAR;
typedef char* PSTR;
typedef const char* PCSTR;
typedef const char* LPCSTR;
typedef char16_t WCHAR;
typedef WCHAR* PWSTR;
typedef const WCHAR* PCWSTR;
typedef const WCHAR* LPCWSTR;
typedef int8_t INT8;
typedef int16_t INT16, SHORT;
typedef int32_t INT32, INT, LONG, BOOL, HRESULT, NTSTATUS;
typedef int64_t INT64, LONGLONG;
typedef uint8_t UINT8, UCHAR, BYTE, BOOLEAN;
typedef uint16_t UINT16, USHORT, WORD;
typedef uint32_t UINT32, UINT, ULONG, DWORD;
typedef uint64_t UINT64, ULONGLONG, ULONG64;
typedef intptr_t INT_PTR, LONG_PTR;
typedef uintptr_t UINT_PTR, ULONG_PTR;
typedef float FLOAT;
typedef double DOUBLE;
typedef ULONG* PULONG;

#ifndef GUID_DEFINED
#define GUID_DEFINED
typedef struct _GUID {
    ULONG Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID;
#endif
typedef GUID* LPGUID;
typedef const GUID* LPCGUID;

typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME;

typedef struct _SYSTEMTIME {
    WORD wYear, wMonth, wDayOfWeek, wDay, wHour, wMinute, wSecond, wMilliseconds;
} SYSTEMTIME;

/* Text that carries its length in bytes. */
typedef struct _ANSI_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PSTR Buffer;
} ANSI_STRING, *PANSI_STRING;
typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWSTR Buffer;
} UNICODE_STRING, *PUNICODE_STRING;

/* A security identifier: revision 1, and SubAuthorityCount words behind 8 bytes. */
typedef struct _SID_IDENTIFIER_AUTHORITY {
    BYTE Value[6];
} SID_IDENTIFIER_AUTHORITY, *PSID_IDENTIFIER_AUTHORITY;
typedef struct _SID {
    BYTE Revision;
    BYTE SubAuthorityCount;
    SID_IDENTIFIER_AUTHORITY IdentifierAuthority;
    DWORD SubAuthority[1];
} SID, *PISID;
typedef void* PSID;

/* Calling conventions; there is one. */
#ifndef NTAPI
#define NTAPI
#define WINAPI
#define EVNTAPI
#endif

#ifndef TRUE
#define TRUE 1
#define FALSE 0
#endif

#ifndef UNREFERENCED_PARAMETER
#define UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#endif

#define ERROR_SUCCESS 0
#define ERROR_INVALID_HANDLE 6
#define ERROR_NOT_ENOUGH_MEMORY 8
#define ERROR_NOT_SUPPORTED 50
#define ERROR_INVALID_PARAMETER 87
#define ERROR_BUFFER_OVERFLOW 111
#define ERROR_MORE_DATA 234
#define ERROR_ARITHMETIC_OVERFLOW 534
#define ERROR_NO_SYSTEM_RESOURCES 1450
#define S_OK ((HRESULT)0)
#define HRESULT_FROM_WIN32(code) \
    ((code) == 0 ? S_OK : (HRESULT)(((uint32_t)(code)&0xFFFFu) | 0x80070000u))
#define SUCCEEDED(hr) ((HRESULT)(hr) >= 0)
#define FAILED(hr) ((HRESULT)(hr) < 0)
