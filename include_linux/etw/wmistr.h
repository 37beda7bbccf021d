/* What the headers that Windows' message compiler (mc.exe) makes of a manifest need beside
 * evntprov.h, which they include behind this: words of Microsoft's compilers and of <windows.h>.
 * Nothing else of Windows includes it here. */
#pragma once
#pragma GCC system_header
#include "sal.h"
#include "win_types.h"

#include <string.h>

#ifndef EXTERN_C
#ifdef __cplusplus
#define EXTERN_C extern "C"
#else
#define EXTERN_C /* gcc warns of an "extern" that has a value */
#endif
#endif
#ifndef FORCEINLINE
#define FORCEINLINE static inline __attribute__((always_inline))
#endif
/* Of functions that are inline, too, which in C are nobody's if they are not static. */
#ifndef DECLSPEC_NOINLINE
#define DECLSPEC_NOINLINE __attribute__((unused)) static
#endif
#ifndef ETW_INLINE
#define ETW_INLINE static __inline
#endif
#ifndef DECLSPEC_CACHEALIGN
#define DECLSPEC_CACHEALIGN __attribute__((aligned(64)))
#endif
/* selectany: one object, whatever number of sources define it. */
#ifndef __declspec
#define __declspec(what) ETW_DECLSPEC_##what
#define ETW_DECLSPEC_selectany __attribute__((weak))
#define ETW_DECLSPEC_noinline __attribute__((noinline))
#define ETW_DECLSPEC_dllexport __attribute__((visibility("default")))
#define ETW_DECLSPEC_dllimport
#endif
#ifndef UNALIGNED
#define UNALIGNED
#endif
#ifndef __stdcall
#define __stdcall
#endif
#ifndef __cdecl
#define __cdecl
#endif
#ifndef __int64
#define __int64 long long
#endif
#ifndef RtlZeroMemory
#define RtlZeroMemory(to, size) ((void)memset((to), 0, (size)))
#endif
#ifndef ZeroMemory
#define ZeroMemory RtlZeroMemory
#endif

typedef ULONG64 TRACEHANDLE, *PTRACEHANDLE;
