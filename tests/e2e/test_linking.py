"""Traced programs that are linked in other ways than most: statically with glibc, and with musl, for
which the archive was not built; with much thread-local memory."""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import SANITIZED, EndToEnd

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["ETW_BUILD"])
GUIDS = ("-guid", "5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e06",
         "-guid", "5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e07")
INCLUDES = [f"-I{ROOT / folder}" for folder in ("include", "include/etw", "include_linux",
                                                "include_linux/etw")]
WRITTEN = {"main": 1, "handler": 1, "thread": 200, "child": 1}


@unittest.skipIf(SANITIZED, "the archive of a sanitized build needs the sanitizer's library")
class LinkingTest(EndToEnd):
    def record(self, compiler, *options, private=False, flags=("-static",), archives=()):
        """What the program writes, built with this compiler, as JSON records of tracefmt. The
        library comes from these archives and, what they lack of it, from the build's."""
        if shutil.which(compiler) is None:
            self.skipTest(f"no {compiler} on this machine")
        program = self.folder / "program"
        done = subprocess.run(
            [compiler, *flags, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wmissing-prototypes",
             "-Werror", *INCLUDES, str(ROOT / "tests/e2e/linking.c"),
             *archives, str(BUILD / "lib/libetw-provider.a"), "-o", str(program)],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.start_host()
        more = ("-um",) if private else ()
        self.tracelog("-start", "S", "-f", "s.etl", *GUIDS, *more, *options)
        ran = subprocess.run([str(program)], env=self.env, capture_output=True, text=True)
        self.assertEqual((ran.returncode, ran.stdout), (0, "done\n"), ran.stderr)
        self.tracelog("-stop", "S", *more)
        logs = sorted(self.folder.glob("s.etl*"))
        out = self.run_tool("tracefmt", *logs, "-o", "-", "-json")
        return [json.loads(line) for line in out.stdout.splitlines()]

    def assert_all_written(self, records, written=None):
        places = collections.Counter(r["fields"]["Place"] for r in records
                                     if r.get("event", "").endswith("Written"))
        self.assertEqual(dict(places), written or WRITTEN)
        self.assertEqual(sum(r.get("id") == 7 for r in records), 1)


class StaticLibc(LinkingTest):
    def test_musl(self):
        self.assert_all_written(self.record("musl-gcc"))

    def test_musl_with_the_archive_of_a_build_that_is_not_optimized(self):
        sources = sorted((ROOT / "lib/provider").glob("*.cpp"))
        compiled = subprocess.run(
            [os.environ["ETW_CXX"], "-c", "-O0", "-std=c++20", "-fPIC", "-fno-exceptions",
             "-fno-rtti", "-fno-threadsafe-statics", "-fvisibility=hidden", f"-I{ROOT / 'lib'}",
             *INCLUDES, *map(str, sources)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(compiled.returncode, 0, compiled.stderr)
        objects = [f"{source.stem}.o" for source in sources]
        subprocess.run(["ar", "rc", "plain.a", *objects], cwd=self.folder, check=True)
        self.assert_all_written(
            self.record("musl-gcc", archives=[str(self.folder / "plain.a")]))

    def test_musl_has_no_stacks_and_says_nothing_else_of_it(self):
        records = self.record("musl-gcc", "-EnableProperty", "4")
        self.assert_all_written(records)
        self.assertFalse([r for r in records if "stack" in r])

    def test_musl_in_a_private_session(self):
        records = self.record("musl-gcc", private=True)
        # A child is known to the host some milliseconds after the fork, and this one is faster.
        child = collections.Counter(r["fields"]["Place"] for r in records
                                    if r.get("event", "").endswith("Written"))["child"]
        self.assert_all_written(records, WRITTEN if child else
                                {k: v for k, v in WRITTEN.items() if k != "child"})

    def test_glibc_has_stacks(self):
        records = self.record(os.environ["ETW_CC"], "-EnableProperty", "4")
        self.assert_all_written(records)
        own = [r for r in records if r.get("event", "").endswith("Written")]
        self.assertTrue(all("stack" in r for r in own), own[:1])


class LargeTls(LinkingTest):
    """glibc takes thread-local variables from the thread's stack, the library's threads' too."""

    def test_threads_of_the_library_have_their_stack_beside_it(self):
        for size in (64, 192, 224, 240, 244, 248, 252, 256, 1024):
            with self.subTest(size):
                records = self.record(os.environ["ETW_CC"], flags=(f"-DTLS_SIZE={size * 1024}",))
                self.assert_all_written(records)

    def test_in_a_private_session_too(self):
        self.assertTrue(self.record(os.environ["ETW_CC"], private=True,
                                    flags=(f"-DTLS_SIZE={250 * 1024}",)))
