// For one source of a program that forks with threads running: the provider library starts its own
// anew in the child, which the thread sanitizer refuses unless it is told.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }
#endif
#endif
