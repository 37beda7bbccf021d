/* A module with a provider of its own, which is loaded and unloaded by plugin_test.cpp. */
#include <TraceLoggingProvider.h>

TRACELOGGING_DEFINE_PROVIDER(g_plugin, "Openetw.Test.Plugin", (21, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));

__attribute__((visibility("default"))) int plugin_register(void) {
    return TraceLoggingRegister(g_plugin);
}

__attribute__((visibility("default"))) int plugin_write(void) {
    TraceLoggingWrite(g_plugin, "FromPlugin", TraceLoggingInt32(1, "x"));
    return TraceLoggingProviderEnabled(g_plugin, 5, 0);
}
