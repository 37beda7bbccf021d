"""The sessions of a boot: their configuration, and the host's boot mode without a boot."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import unittest

from harness import BIN, DEADLINE, EndToEnd, OTHER_GUID, WRITER_GUID, wait_for
from kernel import has_tracefs
from test_source import DESCRIBED, MANIFEST, Source

SESSION_GUID = "331c3b3a-2005-44c2-ac5e-77220c37d6b4"
GLOBAL_LOGGER_GUID = "e8908abc-aa84-11d2-9a93-00805f85d7c6"


class BootTest(EndToEnd):
    def setUp(self):
        super().setUp()
        self.config = self.folder / "config"

    def global_logger(self):
        return self.config / "globallogger.conf"

    def autologger(self, name):
        return self.config / "autologger" / f"{name}.conf"

    def write(self, path, *lines):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines))

    def values(self, path):
        """{section: {name: value}} of a configuration; the session's own section is ''."""
        found, section = {"": {}}, ""
        for line in path.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[{}]")
                found[section] = {}
            elif line and not line.startswith("#"):
                name, _, value = line.partition("=")
                found[section][name.strip()] = value.strip()
        return found

    def boot(self, code=0):
        done = subprocess.run([BIN / "etwd", "--boot", "--runtime-dir", self.runtime,
                               "--config-dir", self.config],
                              env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def shut_down(self):
        """As the machine does, which signals both processes: every session in good order, then the
        host."""
        for pid in self.host_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not self.host_pids(), "the host to be gone")


class Configuration(BootTest):
    def test_T13a_global_logger_is_configured_and_nothing_runs(self):
        out = self.tracelog("-start", "GlobalLogger").stdout
        self.assert_operation(out)
        self.assertIn(f"{'Configuration:':<24}{self.global_logger()}\n", out)
        values = self.values(self.global_logger())
        log = values[""].pop("FileName")
        self.assertEqual(pathlib.Path(log).name, "trace.log")
        if os.geteuid() == 0:
            self.assertEqual(log, "/var/log/openetw/trace.log")
        self.assertEqual(values, {"": {
            "Start": "1", "BufferSize": "64", "MinimumBuffers": "3", "MaximumBuffers": "25",
            "ClockType": "1", "MaximumFileSize": "0"}})
        self.assertEqual(self.sessions(), [])
        self.assertEqual(self.host_pids(), [])
        done = self.tracelog("-q", "GlobalLogger", code=1)
        self.assert_operation(done.stdout, 4201)
        self.assertIn("starts with the next boot", done.stderr)

    def test_T13a_with_options(self):
        self.tracelog("-start", "globallogger", "-f", "g.log", "-b", "128", "-min", "8", "-max",
                      "30", "-ft", "2", "-UseSystemTime", "-seq", "20", "-guid", WRITER_GUID,
                      "-flag", "3", "-level", "5")
        values = self.values(self.global_logger())
        self.assertEqual(values[""], {
            "Start": "1", "BufferSize": "128", "MinimumBuffers": "8", "MaximumBuffers": "30",
            "FlushTimer": "2", "ClockType": "2", "LogFileMode": "0x1", "MaximumFileSize": "20",
            "FileName": str(self.folder / "g.log")})
        self.assertEqual(values[WRITER_GUID], {"Enabled": "1", "Level": "5", "Flags": "0x3"})

    def test_T13b_stop_keeps_the_configuration(self):
        self.tracelog("-start", "GlobalLogger", "-f", "g.log")
        self.boot()
        before = self.global_logger().read_text()
        self.assert_operation(self.tracelog("-stop", "GlobalLogger").stdout)
        self.assertEqual(self.sessions(), [])
        self.assertEqual(self.global_logger().read_text(), before)
        self.assertIn("Start = 1\n", before)
        self.assert_operation(self.tracelog("-stop", "GlobalLogger", code=1).stdout, 4201)

    def test_T13c_remove_leaves_start_0(self):
        self.tracelog("-start", "GlobalLogger", "-f", "g.log", "-guid", WRITER_GUID)
        self.assert_operation(self.tracelog("-remove", "globallogger").stdout)
        self.assertEqual(self.values(self.global_logger()), {"": {"Start": "0"}})
        self.boot()
        self.assertEqual(self.sessions(), [])
        self.assert_operation(self.tracelog("-remove", "GlobalLogger").stdout)

    def test_remove_takes_no_other_name(self):
        self.tracelog("-addautologger", "Auto", "-f", "a.etl")
        done = self.tracelog("-remove", "Auto", code=1)
        self.assert_operation(done.stdout, 87)
        self.assertIn(str(self.autologger("Auto")), done.stderr)
        self.assertTrue(self.autologger("Auto").exists())

    def test_T28_autologger_is_configured_and_nothing_runs(self):
        out = self.tracelog("-addautologger", "Name", "-sessionguid", "#" + SESSION_GUID, "-flag",
                            "0xF", "-level", "4", "-guid", "#" + OTHER_GUID).stdout
        self.assert_operation(out)
        values = self.values(self.autologger("Name"))
        self.assertEqual(pathlib.Path(values[""].pop("FileName")).name, "Name.etl")
        self.assertEqual(values, {
            "": {"Start": "1", "Guid": "{" + SESSION_GUID + "}", "ClockType": "1",
                 "MaxFileSize": "100"},
            OTHER_GUID: {"Enabled": "1", "EnableLevel": "4", "EnableFlags": "0xf"}})
        self.assertEqual(self.sessions(), [])

    def test_autologger_keywords_and_properties(self):
        self.tracelog("-addautologger", "A b", "-guid", OTHER_GUID, "-matchanykw", "0x100000001",
                      "-matchallkw", "1", "-enableproperty", "4", "-rt")
        values = self.values(self.autologger("A b"))
        self.assertEqual(values[""]["LogFileMode"], "0x100")
        self.assertNotIn("FileName", values[""])
        self.assertEqual(values[OTHER_GUID], {
            "Enabled": "1", "MatchAnyKeyword": "0x100000001", "MatchAllKeyword": "0x1",
            "EnableProperty": "0x4"})

    def test_what_is_refused(self):
        for code, *line in (
                (87, "-start", "GlobalLogger", "-rt"),
                (87, "-start", "GlobalLogger", "-buffering"),
                (87, "-start", "GlobalLogger", "-um", "-guid", OTHER_GUID),
                (87, "-start", "GlobalLogger", "-seq", "8", "-cir", "8"),
                (87, "-start", "GlobalLogger", "-sessionguid", OTHER_GUID),
                (87, "-start", "GlobalLogger", "-ttl", "5"),
                (87, "-start", "GlobalLogger", "-guid", OTHER_GUID, "-PidFilter", "1", "1"),
                (50, "-update", "GlobalLogger", "-max", "40"),
                (87, "-addautologger", "A", "-newfile", "8", "-f", "a%d.etl"),
                (87, "-addautologger", "A", "-b", "3"),
                (87, "-addautologger", "GlobalLogger"),
                (123, "-addautologger", "a/b"),
                (87, "-addautologger", "NT Kernel Logger"),
                (2, "-addautologger", "A", "-guid", "missing.guid")):
            with self.subTest(line):
                done = self.tracelog(*line, code=1)
                self.assert_operation(done.stdout, code)
                self.assertIn(f"[{code}]", done.stderr)
        self.assertFalse(self.config.exists())

    def test_what_hands_have_written_stays(self):
        self.write(self.global_logger(), "EnableKernelFlags = 03,00,00,00", "FileMax = 5",
                   "FileCounter = 3", "BufferSize = 512", f"[{OTHER_GUID}]", "Flags = 1")
        self.tracelog("-start", "GlobalLogger", "-f", "g.log", "-guid", WRITER_GUID)
        values = self.values(self.global_logger())
        self.assertEqual(values[""]["EnableKernelFlags"], "03,00,00,00")
        self.assertEqual((values[""]["FileMax"], values[""]["FileCounter"]), ("5", "3"))
        self.assertEqual(values[""]["BufferSize"], "64")
        self.assertEqual(set(values), {"", OTHER_GUID, WRITER_GUID})

    def test_what_cannot_be_read_is_not_written_over(self):
        self.write(self.global_logger(), "Start = 1", "BufferSize = big")
        done = self.tracelog("-start", "GlobalLogger", "-f", "g.log", code=1)
        self.assert_operation(done.stdout, 13)
        self.assertIn(f"{self.global_logger()}:2: BufferSize", done.stderr)
        self.assertIn("big", self.global_logger().read_text())

    def test_a_folder_that_others_may_write_to_is_not_believed(self):
        self.write(self.global_logger(), "Start = 1")
        self.config.chmod(0o777)
        self.assert_operation(self.tracelog("-start", "GlobalLogger", code=1).stdout, 5)
        self.assertIn("others may write", self.boot())
        self.assertEqual(self.sessions(), [])


class Diagnosis(BootTest):
    def finding(self):
        done = self.tracelog("-doctor", "-json", code=None)
        finding, = [c for c in json.loads(done.stdout)["checks"] if c["check"] == "boot sessions"]
        return finding

    def test_nothing_is_configured(self):
        self.assertEqual(self.finding()["result"], "ok")

    @unittest.skipIf(os.geteuid() != 0, "systemd's unit starts those of root")
    def test_a_configuration_that_nothing_starts(self):
        self.tracelog("-start", "GlobalLogger", "-f", "g.log")
        enabled = any(pathlib.Path("/etc/systemd/system").glob("*.wants/openetw-boot.service"))
        finding = self.finding()
        self.assertEqual(finding["result"], "ok" if enabled else "warning")
        self.assertIn("1 configured", json.dumps(finding))

    def test_what_became_of_the_last_boot(self):
        self.write(self.autologger("Auto"), "Start = 1", f"FileName = {self.folder}/no/way/",
                   "MaxFileSize = 8")
        self.boot()
        finding = self.finding()
        self.assertEqual(finding["result"], "warning")
        self.assertIn("could not start 'Auto': error 161", json.dumps(finding))

    def test_a_line_that_cannot_be_read(self):
        self.write(self.autologger("Auto"), "Start = 1", "Start")
        self.assertIn("Auto.conf:2: 'Start'", json.dumps(self.finding()))


class BootMode(BootTest):
    def configure(self):
        self.tracelog("-start", "GlobalLogger", "-f", "logs/trace.log", "-guid", WRITER_GUID,
                      "-flag", "1", "-level", "5")
        self.tracelog("-addautologger", "Auto", "-sessionguid", SESSION_GUID, "-f", "logs/auto.etl",
                      "-guid", WRITER_GUID, "-level", "4", "-seq", "8", "-b", "128")
        self.tracelog("-addautologger", "Ring", "-buffering", "-min", "64", "-guid", WRITER_GUID)

    def test_sessions_run_as_they_were_configured(self):
        self.configure()
        self.boot()
        self.assertEqual(self.sessions(), ["GlobalLogger", "Auto", "Ring"])
        out = self.tracelog("-q", "GlobalLogger", "-lp").stdout
        for line in (f"Guid:                   {GLOBAL_LOGGER_GUID}",
                     "Buffer Size:            64 Kb", "Maximum Buffers:        25",
                     f"Log Filename:           {self.folder}/logs/trace.log",
                     f"{WRITER_GUID}      5  0x00000001", "Total of 1 providers"):
            self.assertIn(line + "\n", out)
        auto = self.status("Auto")
        self.assertEqual((auto["guid"], auto["buffer_size_kb"], auto["maximum_file_size_kb"]),
                         (SESSION_GUID, 128, 8 * 1024))
        self.assertEqual(auto["log_mode"], "Sequential")
        self.assertEqual(self.status("Ring")["log_mode"], "Buffering-only")
        for path in (self.global_logger(), self.autologger("Auto"), self.autologger("Ring")):
            self.assertEqual(self.values(path)[""]["Status"], "0")

    def test_a_program_that_comes_later_is_recorded(self):
        self.configure()
        self.boot()
        # The first thing that it writes, as soon as it has registered.
        self.writer("--count", 1000).finish()
        self.tracelog("-flush", "Ring", "-f", "ring.etl")
        self.shut_down()
        for log in ("logs/trace.log", "logs/auto.etl", "ring.etl"):
            sequence, = self.numbered(log).values()
            self.assertEqual(sequence, list(range(1000)), log)
        self.check_etl(self.folder / "logs" / "trace.log")

    def test_global_logger_does_not_notify_and_an_autologger_does(self):
        self.tracelog("-start", "GlobalLogger", "-f", "global.log", "-guid", MANIFEST)
        self.tracelog("-addautologger", "Auto", "-f", "auto.etl", "-seq", "8", "-guid", DESCRIBED,
                      "-level", "4")
        self.boot()
        source = Source(self.env)
        self.writers.append(source)
        source.tell("write 7 3")
        self.assertEqual(source.callbacks, [])
        # An enable of another session is told, after which all that came before has been.
        self.tracelog("-start", "Other", "-f", "other.etl", "-guid", MANIFEST, "-level", "5",
                      "-timeout", "60000")
        source.wait_for_callback()
        self.assertEqual(len(source.callbacks), 1)
        self.tracelog("-stop", "GlobalLogger")
        self.assertEqual([r["id"] for r in self.records("global.log") if r.get("id") == 7], [7] * 3)

    def test_a_failing_session_keeps_no_other_from_starting(self):
        self.configure()
        self.write(self.autologger("Bad line"), "Start = 1", "nonsense")
        self.write(self.autologger("Bad folder"), "Start = 1",
                   f"FileName = {self.folder}/file/x.etl")
        (self.folder / "file").write_text("")
        self.write(self.autologger("Bad rule"), "Start = 1", "FileMax = 17")
        self.write(self.autologger("Same log"), "Start = 1", "LogFileMode = 1", "MaxFileSize = 8",
                   f"FileName = {self.folder}/logs/trace.log")
        self.write(self.autologger("Off"), "Start = 0")
        said = self.boot()
        self.assertEqual(self.sessions(), ["GlobalLogger", "Auto", "Ring"])
        for name, status, words in (("Bad line", "13", ".conf:2: 'nonsense'"),
                                    ("Bad folder", "3", f"{self.folder}/file"),
                                    ("Bad rule", "87", "at most 16"),
                                    ("Same log", "161", "is the log of another session")):
            self.assertEqual(self.values(self.autologger(name))[""]["Status"], status, name)
            self.assertIn(f"boot session '{name}': ", said)
            self.assertIn(words, said)
        self.assertNotIn("Status", self.values(self.autologger("Off"))[""])

    def test_kernel_flags_make_global_logger_the_kernel_logger(self):
        self.write(self.global_logger(), "Start = 1", "EnableKernelFlags = 03,00,01,00",
                   f"FileName = {self.folder}/k.etl")
        said = self.boot()
        status = self.values(self.global_logger())[""]["Status"]
        if status == "0":  # the machine's kernel events can be had
            self.assertEqual(self.sessions(), ["NT Kernel Logger"])
            # Events of a busy machine may have been lost.
            self.assert_operation(self.tracelog("-stop", "GlobalLogger", code=None).stdout)
        else:
            self.assertEqual(status, "50")
            self.assertIn("kernel events", said)

    def test_kernel_options_turn_it_into_the_kernel_logger_while_it_runs(self):
        if not has_tracefs():
            self.skipTest("needs root and tracefs")
        self.tracelog("-start", "GlobalLogger", "-f", "logs/trace.log", "-guid", WRITER_GUID)
        self.boot()
        writer = self.writer("--count", 50, "--wait")
        done = self.tracelog("-update", "GlobalLogger", "-eflag", "PROCESS", "-max", "40", code=1)
        self.assert_operation(done.stdout, 50)
        self.assertEqual(self.sessions(), ["GlobalLogger"])
        out = self.tracelog("-update", "GlobalLogger", "-eflag", "PROCESS").stdout
        self.assertIn("Logger Name:            NT Kernel Logger\n", out)
        self.assertIn("Enabled tracing:        Process\n", out)
        self.assertEqual(self.sessions(), ["NT Kernel Logger"])
        self.assert_operation(self.tracelog("-start", "-f", "other.etl", code=1).stdout, 183)
        # What it recorded before goes on, beside the kernel's, in the same log; a killed host too.
        self.kill_worker()
        child = subprocess.Popen(["/bin/true"])
        child.wait()
        writer.go()
        self.assertEqual(writer.written(), 50)
        # It has both names, and kernel options change it like the other.
        self.assertIn("Enabled tracing:        Process CxtSwap\n",
                      self.tracelog("-update", "GlobalLogger", "-eflag", "PROCESS+CSWITCH").stdout)
        # What the killed one had read and not converted is counted as lost.
        self.assertIn(self.tracelog("-stop", "GlobalLogger", code=None).returncode, (0, 3))
        records = self.records("logs/trace.log")
        ended = {r["fields"]["ProcessId"] for r in records if r.get("event", "").endswith("End")
                 and r.get("provider") == "Process"}
        self.assertIn(child.pid, ended)
        self.assertEqual(sum(r.get("event") == "Numbered" for r in records), 50)
        self.check_etl(self.folder / "logs" / "trace.log")

    def test_logs_of_several_boots(self):
        self.write(self.autologger("Auto"), "# by hand", "Start = 1", "FileMax = 2",
                   "MaxFileSize = 8", f"FileName = {self.folder}/logs/auto.etl")
        for boot, number in enumerate((1, 2, 1), 1):
            self.boot()
            self.assertEqual(self.status("Auto")["log_file"],
                             f"{self.folder}/logs/auto.etl.{number:04}")
            self.shut_down()
            self.assertEqual(len(os.listdir(self.folder / "logs")), min(boot, 2))
        self.assertEqual(self.values(self.autologger("Auto"))[""]["FileCounter"], "1")
        self.assertTrue(self.autologger("Auto").read_text().startswith("# by hand\n"))

    def test_logs_are_not_for_everybody(self):
        self.configure()
        self.boot()
        self.assertEqual((self.folder / "logs" / "trace.log").stat().st_mode & 0o777, 0o640)

    def test_a_session_that_is_not_to_be_stopped_is_not(self):
        self.write(self.autologger("Stays"), "Start = 1", "LogFileMode = 0x41", "MaxFileSize = 8",
                   f"FileName = {self.folder}/stays.etl")
        self.boot()
        self.assert_operation(self.tracelog("-stop", "Stays", code=1).stdout, 5)
        self.assertEqual(self.sessions(), ["Stays"])
        self.shut_down()
        self.check_etl(self.folder / "stays.etl")

    def test_global_logger_cannot_be_updated_while_it_runs(self):
        self.configure()
        self.boot()
        self.assert_operation(self.tracelog("-update", "GlobalLogger", "-f", "other.etl",
                                            code=1).stdout, 50)
        self.assertFalse((self.folder / "other.etl").exists())

    def test_nothing_is_configured(self):
        self.assertEqual(self.boot(), "")
        self.assertEqual(self.sessions(), [])

    def test_a_host_that_runs_is_left_alone(self):
        self.configure()
        self.tracelog("-start", "Mine", "-f", "mine.etl")
        self.assertIn("runs here already", self.boot(code=1))
        self.assertEqual(self.sessions(), ["Mine"])

    def test_sigkill_of_the_host_boots_nothing_again(self):
        self.configure()
        self.boot()
        writer = self.writer("--count", 1000, "--wait")
        self.tracelog("-stop", "Ring")
        self.kill_worker()
        writer.go()
        writer.finish()
        self.assertEqual(self.sessions(), ["GlobalLogger", "Auto"])
        for name in self.sessions():
            self.tracelog("-flush", name)  # nobody holds the rings of a program that has ended
        self.kill_hosts()  # keeper and host: a tool brings back another one
        self.assertEqual(self.sessions(), ["GlobalLogger", "Auto"])
        self.shut_down()
        for log in ("logs/trace.log", "logs/auto.etl"):
            sequence, = self.numbered(log).values()
            self.assertEqual(sequence, list(range(1000)), log)

    def test_sigkill_in_the_middle_of_the_boot(self):
        killed = []
        names = [f"Auto{number}" for number in range(8)]
        for name in names:
            self.write(self.autologger(name), "Start = 1", "MaxFileSize = 8", "FileMax = 16",
                       f"FileName = {self.folder}/logs/{name}.etl", f"[{WRITER_GUID}]")
        booting = subprocess.Popen([BIN / "etwd", "--boot", "--runtime-dir", self.runtime,
                                    "--config-dir", self.config],
                                   env=self.env, stdin=subprocess.DEVNULL)
        saved = self.runtime / "sessions"
        for count in (0, 1, 4):  # before the first, and with some that run
            wait_for(lambda: count == 0 or len(os.listdir(saved)) >= count, "sessions")
            killed.append(self.kill_worker(but=killed))
        self.assertEqual(booting.wait(DEADLINE), 0)
        self.assertEqual(sorted(self.sessions()), names)
        self.writer("--count", 100).finish()
        self.shut_down()
        for name in names:
            values = self.values(self.autologger(name))[""]
            self.assertEqual((values["Status"], values["FileCounter"]), ("0", "1"), name)
            sequence, = self.numbered(f"logs/{name}.etl.0001").values()
            self.assertEqual(sequence, list(range(100)), name)


if __name__ == "__main__":
    unittest.main()
