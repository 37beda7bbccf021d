// <windows.h> without what gets in the way, and the ETW headers over it. Nobody else includes them.
#pragma once
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
// The headers of ETW stand on those before them.
#include <evntrace.h>
//
#include <evntcons.h>
//
#include <tdh.h>
