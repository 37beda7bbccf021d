"""An application finds what `cmake --install` put down, and works with it."""
import os
import pathlib
import subprocess
import unittest

from harness import EndToEnd

BUILD = pathlib.Path(os.environ["ETW_BUILD"])
COMPILERS = (os.environ["ETW_CC"], os.environ["ETW_CXX"])

PROJECT = """
cmake_minimum_required(VERSION 3.21)
project(app LANGUAGES C CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(openetw 0.1 REQUIRED)
add_executable(traced traced.c)
target_link_libraries(traced PRIVATE openetw::provider)
add_executable(controller controller.cpp)
target_link_libraries(controller PRIVATE openetw::etw)
"""

TRACED = """
#include <TraceLoggingProvider.h>
/* {7d3b6a2f-55c1-4b58-8f50-2f3f8d1c9b11} */
TRACELOGGING_DEFINE_PROVIDER(provider, "App.Installed",
    (0x7d3b6a2f, 0x55c1, 0x4b58, 0x8f, 0x50, 0x2f, 0x3f, 0x8d, 0x1c, 0x9b, 0x11));
int main(void) {
    TraceLoggingRegister(provider);
    for (int i = 0; i < 3; ++i)
        TraceLoggingWrite(provider, "Ran", TraceLoggingLevel(4), TraceLoggingInt32(i, "i"));
    TraceLoggingUnregister(provider);
    return 0;
}
"""

CONTROLLER = """
#include <etw/log_reader.h>
#include <etw/session.h>

#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const auto backend = etw::session::make_backend();
    etw::session::StartRequest request;
    request.properties.name = "Installed";
    request.properties.log_file = argv[2];
    etw::session::ProviderEnable provider;
    provider.guid = *etw::parse_guid("7d3b6a2f-55c1-4b58-8f50-2f3f8d1c9b11");
    provider.level = 5;
    request.providers.push_back(provider);
    if (const auto started = backend->start(request); !started) {
        std::fprintf(stderr, "start: %s\\n", started.error().detail.c_str());
        return 1;
    }
    if (std::system(argv[1]) != 0) return 1;
    if (!backend->stop("Installed")) return 1;

    auto log = etw::etl::LogReader::open(argv[2]);
    if (!log) return 1;
    etw::etl::Record record;
    int events = 0;
    while (log->next(record)) events += record.provider == provider.guid;
    std::printf("%d events\\n", events);
    return events == 3 ? 0 : 1;
}
"""


class Install(EndToEnd):
    def run_in(self, *words):
        done = subprocess.run([str(w) for w in words], cwd=self.folder, env=self.env, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_an_application_finds_and_uses_the_libraries(self):
        prefix = self.folder / "prefix"
        self.run_in("cmake", "--install", BUILD, "--prefix", prefix)
        for name, text in (("CMakeLists.txt", PROJECT), ("traced.c", TRACED),
                           ("controller.cpp", CONTROLLER)):
            (self.folder / name).write_text(text)
        self.run_in("cmake", "-S", ".", "-B", "app", f"-DCMAKE_PREFIX_PATH={prefix}",
                    f"-DCMAKE_C_COMPILER={COMPILERS[0]}", f"-DCMAKE_CXX_COMPILER={COMPILERS[1]}")
        self.run_in("cmake", "--build", "app")
        self.env["PATH"] = f"{prefix / 'bin'}:{self.env['PATH']}"
        self.env["LD_LIBRARY_PATH"] = str(prefix / "lib")
        out = self.run_in("app/controller", self.folder / "app" / "traced", self.folder / "a.etl")
        self.assertEqual(out, "3 events\n")
        # One folder for all headers: it is enough, for a source as Windows' compilers take it too.
        sample = prefix / "share" / "doc" / "openetw" / "examples" / "etw_portable_sample.c"
        self.run_in(COMPILERS[0], "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                    f"-I{prefix / 'include' / 'etw'}", sample,
                    prefix / "lib" / "libetw-provider.a", "-o", "portable")
        self.assertEqual(self.run_in("./portable"), "written 6, errors 0, level 0\n")
        for page in ("man1/tracelog.1", "man1/tracefmt.1", "man1/tracepdb.1", "man1/traceview.1",
                     "man8/etwd.8"):
            self.assertTrue((prefix / "share" / "man" / page).exists(), page)
        unit = (prefix / "lib" / "systemd" / "system" / "openetw-boot.service").read_text()
        self.assertRegex(unit, r"(?m)^ExecStart=/\S+/etwd --boot --runtime-dir /run/etw$")


if __name__ == "__main__":
    unittest.main()
