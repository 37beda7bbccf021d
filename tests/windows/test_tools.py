"""The tools for Windows, run under Wine, beside the native ones: the same command lines give the
same bytes, line ends included.

ETW_BIN and ETW_NATIVE_BIN are the folders of the two builds' tools, ETW_WINE and ETW_OBJDUMP the
programs that run and show the former.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

WINDOWS = pathlib.Path(os.environ["ETW_BIN"])
NATIVE = pathlib.Path(os.environ["ETW_NATIVE_BIN"])
LOGS = pathlib.Path(os.environ["ETW_SHARED_DIR"]) / "data" / "etl"
CORPUS = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus"
DEADLINE = 300  # seconds for one run of a tool; a bound on waiting, never a delay
# What says that it is another system.
SYSTEM = re.compile(rb"\(Currently running on [0-9.]+\)")


def command(kind, tool):
    if kind == "windows":
        return [os.environ["ETW_WINE"], str(WINDOWS / f"{tool}.exe")]
    return [str(NATIVE / tool)]


class Tools(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="etw-windows-"))

    def tearDown(self):
        if self._outcome.success:
            shutil.rmtree(self.folder)
        else:
            print(f"kept: {self.folder}", file=sys.stderr)

    def run_tool(self, tool, *words, kind="windows"):
        """In the folder of the kind of tool: exit status, standard output and error."""
        folder = self.folder / kind
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            command(kind, tool) + list(map(str, words)), cwd=folder, timeout=DEADLINE,
            stdin=subprocess.DEVNULL, capture_output=True,
            env=dict(os.environ, TZ="UTC"))
        return done.returncode, done.stdout, done.stderr

    def give(self, path, name):
        """Puts a copy of the file into both folders."""
        for kind in ("windows", "native"):
            at = self.folder / kind / name
            at.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, at)
            os.utime(at, (1_118_103_028, 1_118_103_028))

    def assert_same(self, tool, *words, status=None):
        """The same status and bytes, on standard output and error and in each file."""
        got = self.run_tool(tool, *words)
        want = self.run_tool(tool, *words, kind="native")
        where = f"{tool} {' '.join(words)}"
        self.assertEqual(got[0], want[0], f"{where}: {got}")
        if status is not None:
            self.assertEqual(got[0], status, f"{where}: {got}")
        for mine, other in zip(got[1:], want[1:]):
            self.assert_bytes(SYSTEM.sub(b"", mine), SYSTEM.sub(b"", other), where)
        files = {kind: {path.relative_to(self.folder / kind): path
                        for path in (self.folder / kind).rglob("*") if path.is_file()}
                 for kind in ("windows", "native")}
        self.assertEqual(sorted(files["windows"]), sorted(files["native"]), where)
        for name, path in files["windows"].items():
            self.assert_bytes(path.read_bytes(), files["native"][name].read_bytes(),
                              f"{where}: {name}")
        return got

    def assert_bytes(self, got, want, where):
        if got == want:
            return
        at = next((i for i, pair in enumerate(zip(got, want)) if pair[0] != pair[1]),
                  min(len(got), len(want)))
        near = slice(max(at - 60, 0), at + 60)
        self.fail(f"{where}: bytes {at} of {len(got)} and {len(want)}: "
                  f"{got[near]!r}, not {want[near]!r}")


def logs():
    yield from sorted((CORPUS / "fuzz_log_reader").iterdir())
    if LOGS.exists():
        yield from sorted(LOGS.glob("*.etl"))


class Formats(Tools):
    def test_each_format_of_each_log_is_the_same(self):
        for log in logs():
            with self.subTest(log=log.name):
                self.give(log, "a.etl")
                self.assert_same("tracefmt", "a.etl", "-o", "a.txt", "-v")
                self.assert_same("tracefmt", "a.etl", "-o", "a.csv", "-csv", "-csvheader")
                self.assert_same("tracefmt", "a.etl", "-o", "-", "-json")
                self.assert_same("tracefmt", "a.etl", "-displayonly", "-xml")


class Exports(Tools):
    def test_exports_are_the_same(self):
        for log in logs():
            if log.stat().st_size > 1_000_000:
                continue  # same code, and time
            with self.subTest(log=log.name):
                self.give(log, "a.etl")
                self.assert_same("tracefmt", "a.etl", "-perfetto", "a.pftrace")
                self.assert_same("tracefmt", "a.etl", "-ctf", "trace")
                self.assert_same("tracefmt", "a.etl", "-relog", "b.etl")
                for kind in ("windows", "native"):
                    shutil.rmtree(self.folder / kind)


class Reports(Tools):
    def test_lines_end_the_same_on_standard_output_and_in_files(self):
        self.give(CORPUS / "fuzz_log_reader" / "every_record", "a.etl")
        _, out, _ = self.assert_same("tracefmt", "a.etl", "-display", "-o", "a.txt", status=0)
        self.assertGreater(out.count(b"\n"), 3)
        self.assertNotIn(b"\r", out)
        self.assertEqual((self.folder / "windows" / "a.txt").read_bytes(), out)
        _, out, _ = self.assert_same("tracefmt", "a.etl", "-o", "-", "-cp", "utf16", status=0)
        self.assertEqual(len(out) % 2, 0)

    def test_what_is_wrong_is_said_the_same(self):
        for words in (["missing.etl"], ["-nonsense"], ["-h"], [".", "-o", "a.txt"],
                      ["missing/a.etl"]):
            self.assert_same("tracefmt", *words)


class Messages(Tools):
    def test_tracepdb_writes_the_same_files(self):
        self.give(CORPUS / "fuzz_pdb" / "driver.pdb", "driver.pdb")
        self.give(CORPUS / "fuzz_elf" / "object", "program")
        _, out, _ = self.assert_same("tracepdb", "-v", status=0)
        self.assertIn(b"driver.pdb", out)
        self.assert_same("tracepdb", "-f", "driver.pdb;program", "-c", "-json")
        self.assert_same("tracepdb", "-f", "*.pdb", "-o", "all.tmf")
        self.assert_same("tracepdb", "-f", "missing.pdb", status=1)
        self.assert_same("tracepdb", "-h", status=0)


class Names(Tools):
    """Words and paths of any characters; the file names here are those of the machine, UTF-8."""

    NAME = "журнал トレース é😀.etl"

    def test_a_log_is_read_and_a_text_written(self):
        self.give(CORPUS / "fuzz_log_reader" / "every_record", self.NAME)
        _, out, _ = self.assert_same("tracefmt", self.NAME, "-o", "текст.txt", status=0)
        self.assertIn(f"Setting log file to: {self.NAME}\n".encode(), out)
        self.assertIn("Event traces dumped to текст.txt\n".encode(), out)
        self.assertIn(self.NAME.encode(),
                      (self.folder / "windows" / "текст.txt.sum").read_bytes())
        self.assert_same("tracefmt", self.NAME, "-relog", "запись.etl", status=0)

    def test_a_file_that_is_missing_is_named(self):
        _, _, err = self.assert_same("tracefmt", "нет.etl", status=1)
        self.assertIn("tracefmt: нет.etl: no such file".encode(), err)

    def test_patterns_find_files_and_folders(self):
        self.give(CORPUS / "fuzz_pdb" / "driver.pdb", "драйвер.pdb")
        _, out, _ = self.assert_same("tracepdb", "-f", "др*.pdb", "-v", status=0)
        self.assertIn("for драйвер.pdb\n".encode(), out)


class WithoutEventTracing(Tools):
    """Wine has no sessions; whoever asks for them is told so."""

    def assert_told(self, tool, *words):
        status, out, err = self.run_tool(tool, *words)
        self.assertEqual(status, 1, (out, err))
        self.assertIn(b"this system has no event tracing", err)
        self.assertNotIn(b"\r", out + err)

    def test_tracelog_says_so(self):
        for words in (["-l"], ["-q", "A"], ["-start", "A", "-f", "a.etl"], ["-stop", "A"],
                      ["-flush", "A"], ["-enumguid"]):
            with self.subTest(words=words):
                self.assert_told("tracelog", *words)
        self.assertFalse((self.folder / "windows" / "a.etl").exists())

    def test_consumers_say_so(self):
        self.assert_told("tracefmt", "-rt", "A", "-display")

    def test_what_is_wrong_with_a_command_line_is_told_first(self):
        status, _, err = self.run_tool("tracelog", "-l", "-nonsense")
        self.assertEqual(status, 2)
        self.assertIn(b"unknown option '-nonsense'", err)
        self.assertEqual(self.run_tool("tracelog", "-h")[0], 0)


class Providers(Tools):
    def test_a_source_for_both_systems_runs_on_this_one(self):
        status, out, err = self.run_tool("etw-portable-sample")
        self.assertEqual((status, out), (0, b"written 6, errors 0, level 0\r\n"), err)


class Executables(unittest.TestCase):
    SYSTEM_LIBRARIES = {"kernel32.dll", "msvcrt.dll", "advapi32.dll", "shell32.dll"}

    def test_need_no_library_that_windows_does_not_have(self):
        for tool in ("tracelog", "traceview", "tracefmt", "tracepdb"):
            shown = subprocess.run([os.environ["ETW_OBJDUMP"], "-p", WINDOWS / f"{tool}.exe"],
                                   check=True, capture_output=True, text=True).stdout
            imports = {name.lower() for name in re.findall(r"DLL Name: (\S+)", shown)}
            self.assertIn("kernel32.dll", imports)
            self.assertLessEqual(imports, self.SYSTEM_LIBRARIES, tool)


if __name__ == "__main__":
    unittest.main()
