"""Logs on a file system that does not answer: it costs the session that has its log there, and
nobody else."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading

from fuse_disk import FuseDisk
from harness import BIN, DEADLINE, EndToEnd, PATIENCE_MS, WRITER_GUID, is_root, wait_for

TIMEOUT = 1460


class HungDisk(EndToEnd):
    def setUp(self):
        super().setUp()
        if not is_root():
            self.skipTest("needs root to mount a file system of its own")
        self.mounted = self.folder / "fuse"
        self.mounted.mkdir()
        self.log = self.mounted / "hung.etl"
        self.tools = []
        try:
            self.disk = FuseDisk(self.mounted)
        except OSError as error:
            self.skipTest(f"needs FUSE: {error}")

    def tearDown(self):
        self.disk.close()
        for tool in self.tools:
            tool.kill()
            tool.communicate()
        super().tearDown()

    def begin(self, *args):
        self.tools.append(subprocess.Popen(
            [str(BIN / "tracelog"), *map(str, args)], env=self.env, cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return self.tools[-1]

    def assert_refused(self, tool, log):
        """It says that the log does not answer. Where it has opened the log itself, the kernel may
        keep its process until that answers."""
        out, err = tool.stdout.read(), tool.stderr.read()
        self.assert_operation(out, TIMEOUT)
        self.assertIn(f"{log}: its file system does not answer", err)

    def refused(self, *args, log=None):
        self.assert_refused(self.begin(*args), log or self.log)

    def answer(self):
        """The file system answers again; what waited for it ends."""
        self.disk.go_on()
        self.disk.release()
        for tool in self.tools:
            self.assertEqual(tool.wait(DEADLINE), 1)

    def others_go_on(self, name):
        """A session with a log elsewhere starts, records, is listed and stops."""
        self.tracelog("-start", name, "-f", f"{name}.etl", "-guid", WRITER_GUID)
        self.assertIn(name, self.sessions())
        self.write(100)
        self.tracelog("-flush", name)
        self.tracelog("-stop", name)
        self.assertEqual(self.recorded(f"{name}.etl"), 100)

    def write(self, count):
        writer = self.writer("--count", count)
        self.assertEqual(writer.written(), count)
        writer.finish()

    def waiting_writer(self):
        return self.writer("--count", 100, "--wait", "--hold")

    def let_write(self, *writers):
        for writer in writers:
            writer.go()
            self.assertEqual(writer.written(), 100)

    def wait_for_program(self, writer):
        wait_for(lambda: writer.pid in {pid for provider in
                                        json.loads(self.tracelog("-enumguid", "-json").stdout)
                                        for pid in provider["pids"]}, "the program")

    def start_other(self):
        self.tracelog("-start", "Other", "-f", "other.etl", "-guid", WRITER_GUID)

    def check_that_the_host_ends(self):
        """When it is told to, and the log of Other is whole."""
        os.kill(self.worker(), signal.SIGTERM)
        wait_for(lambda: not self.host_lives(), "the host to end")
        self.check_etl(self.folder / "other.etl")
        self.others_go_on("Next")

    def kill_worker_at_once(self):
        """It may hang: nobody waits for its end."""
        worker = self.worker()
        os.kill(worker, signal.SIGKILL)
        self.worker(but=(worker,))

    def start(self, *options):
        self.start_host()
        self.tracelog("-start", "Hung", "-f", self.log, "-guid", WRITER_GUID, "-ft", 1, *options)

    def wait_until_hung(self):
        wait_for(lambda: self.status("Hung")["log_unanswered_s"] > 0, "the log not to answer")

    def wait_until_answered(self):
        wait_for(lambda: self.status("Hung")["log_unanswered_s"] == 0, "the log to answer")

    def recorded(self, log):
        return sum(map(len, self.numbered(log).values()))


class HungStarts(HungDisk):
    def test_a_log_that_is_looked_at(self):
        self.start_host()
        self.disk.hold("STATFS")
        tool = self.begin("-start", "Hung", "-f", self.log)
        self.others_go_on("Other")
        self.assert_refused(tool, self.log)
        self.assertNotIn("Hung", self.sessions())
        self.others_go_on("Later")
        self.answer()
        self.tracelog("-start", "Hung", "-f", self.log)

    def test_a_log_that_is_begun(self):
        self.start_host()
        self.disk.hold("SETATTR", "WRITE")
        tool = self.begin("-start", "Hung", "-f", self.log)
        self.others_go_on("Other")
        self.assert_refused(tool, self.log)
        self.assertNotIn("Hung", self.sessions())
        self.answer()
        again = self.mounted / "again.etl"
        self.tracelog("-start", "Hung", "-f", again, "-guid", WRITER_GUID)
        self.write(100)
        self.tracelog("-stop", "Hung")
        self.assertEqual(self.recorded(again), 100)

    def test_the_target_of_a_snapshot(self):
        self.tracelog("-start", "Buffered", "-buffering", "-guid", WRITER_GUID)
        self.disk.hold("SETATTR", "WRITE")
        self.refused("-flush", "Buffered", "-f", self.log)
        self.others_go_on("Other")
        self.answer()
        self.write(100)
        self.tracelog("-flush", "Buffered", "-f", self.mounted / "again.etl")
        self.assertLessEqual(100, self.recorded(self.mounted / "again.etl"))


class HungSessions(HungDisk):
    def test_it_shows_and_commands_for_it_say_so(self):
        self.start()
        self.disk.hold()
        self.wait_until_hung()
        self.others_go_on("Other")
        self.assertIn("its file system does not answer", self.tracelog("-q", "Hung").stdout)
        self.assertIn("its file system does not answer", self.tracelog("-l").stdout)
        self.refused("-flush", "Hung")
        self.refused("-update", "Hung", "-f", self.folder / "next.etl")
        self.others_go_on("Later")
        self.answer()
        self.tracelog("-flush", "Hung")  # after what was asked before
        self.write(100)
        self.tracelog("-stop", "Hung")
        self.assertEqual(self.recorded(self.folder / "next.etl"), 100)

    def test_a_stop_is_done_when_the_file_system_answers(self):
        self.start()
        self.write(100)
        self.disk.hold()
        self.wait_until_hung()
        self.refused("-stop", "Hung")
        self.assertIn("Hung", self.sessions())
        self.assert_operation(self.tracelog("-stop", "Hung", code=1).stdout, 2402)
        self.others_go_on("Other")
        self.answer()
        wait_for(lambda: "Hung" not in self.sessions(), "the session to end")
        self.assertLessEqual(100, self.recorded(self.log))
        self.check_etl(self.log)

    def test_what_the_buffers_do_not_hold_is_counted(self):
        self.start("-b", 4, "-max", 8)
        self.disk.hold()
        self.wait_until_hung()
        self.write(20000)
        self.answer()
        self.tracelog("-flush", "Hung")
        status = json.loads(self.tracelog("-stop", "Hung", "-json", code=None).stdout)
        self.assertGreater(status["events_lost"], 0)
        self.assertEqual(self.recorded(self.log) + status["events_lost"], 20000)

    def test_the_next_log_of_newfile(self):
        self.log = self.mounted / "hung%d.etl"
        self.start("-newfile", 1)
        self.disk.hold("CREATE")
        self.refused("-incrementfile", "Hung", log=self.mounted / "hung1.etl")
        self.others_go_on("Other")
        self.answer()
        self.wait_until_answered()
        self.write(100)
        self.tracelog("-stop", "Hung")
        self.assertEqual(self.recorded(self.mounted / "hung2.etl"), 200)  # with those of Other

    def test_a_host_that_is_told_to_end_does(self):
        self.start()
        self.start_other()
        self.disk.hold()
        self.wait_until_hung()
        self.check_that_the_host_ends()


class HungPrivate(HungDisk):
    """Whose logs are opened by the host, one for each process. A program that registers waits for
    its own, but not for as long as in other tests."""

    def setUp(self):
        super().setUp()
        self.env["ETW_REGISTER_WAIT_MS"] = "5000"

    def start_private(self, *options):
        self.tracelog("-start", "Hung", "-um", "-guid", WRITER_GUID, "-f", self.log, *options)

    def private(self, action="-q", code=0):
        return json.loads(self.tracelog(action, "Hung", "-um", "-json", code=code).stdout)

    def wait_for_processes(self, count):
        wait_for(lambda: sum(p["running"] for p in self.private()["processes"]) == count,
                 f"{count} processes in the session")

    def wait_until_hung(self):
        wait_for(lambda: self.private()["log_unanswered_s"] > 0, "the log not to answer")

    def first_process(self):
        """Of a new session, which waits until it is to write."""
        self.start_host()
        writer = self.waiting_writer()
        self.start_private()
        self.wait_for_processes(1)
        return writer

    def process_with_a_log_that_hangs(self):
        self.disk.hold("CREATE")
        writer = self.waiting_writer()
        self.wait_until_hung()
        return writer

    def stop_and_count(self, first, *others):
        """Each process has 100 events in a log of its own."""
        self.private("-stop")
        self.assertEqual(self.events_of(first, self.log), 100)
        for writer in others:
            self.assertEqual(self.events_of(writer, f"{self.log}_{writer.pid}"), 100)

    def events_of(self, writer, log):
        return len(self.numbered(log)[writer.pid, 0])

    def test_a_process_whose_log_hangs_joins_when_it_is_answered(self):
        first = self.first_process()
        second = self.process_with_a_log_that_hangs()
        self.assertIn("its file system does not answer",
                      self.tracelog("-q", "Hung", "-um").stdout)
        self.others_go_on("Other")
        self.wait_for_processes(1)
        self.let_write(first)
        self.answer()
        self.wait_for_processes(2)
        self.let_write(second)
        self.stop_and_count(first, second)

    def test_what_a_log_held_before_a_start_that_is_given_up_stays(self):
        former = b"precious" * 20000
        self.log.write_bytes(former)
        self.start_host()
        writer = self.waiting_writer()
        self.disk.hold("READ")
        tool = self.begin("-start", "Hung", "-um", "-guid", WRITER_GUID, "-f", self.log)
        self.others_go_on("Other")
        self.assert_refused(tool, self.log)
        self.tracelog("-q", "Hung", "-um", code=1)
        self.answer()
        self.assertEqual(self.log.read_bytes(), former)
        self.start_private()
        self.let_write(writer)
        self.stop_and_count(writer)

    def test_an_update_is_done_when_the_log_before_it_is_answered(self):
        first = self.first_process()
        second = self.process_with_a_log_that_hangs()
        self.refused("-update", "Hung", "-um", "-f", self.folder / "next.etl")
        self.others_go_on("Other")
        self.answer()
        self.wait_for_processes(2)
        self.let_write(first, second)
        self.private("-stop")
        logs = {self.log, *self.folder.glob("next.etl*")}
        self.assertEqual({log.name for log in logs},
                         {"hung.etl", "next.etl", f"next.etl_{second.pid}"})
        self.assertEqual(sum(self.recorded(log) for log in logs), 200)

    def test_a_stop_is_done_when_the_file_system_answers(self):
        self.start_host()
        self.start_private()
        self.disk.hold("SETATTR", "WRITE")
        self.refused("-stop", "Hung", "-um")
        self.assert_operation(self.tracelog("-stop", "Hung", "-um", code=1).stdout, 2402)
        self.others_go_on("Other")
        self.answer()
        wait_for(lambda: self.tracelog("-q", "Hung", "-um", code=None).returncode == 1,
                 "the session to end")
        self.check_etl(self.log)

    def test_a_host_that_is_told_to_end_does(self):
        self.start_host()
        self.start_private()
        self.start_other()
        self.disk.hold("SETATTR", "WRITE")
        self.check_that_the_host_ends()

    def test_a_host_is_killed(self):
        writer = self.first_process()
        self.disk.hold("LOOKUP", "GETATTR")
        self.kill_worker()
        self.wait_until_hung()
        self.others_go_on("Other")
        self.wait_for_processes(1)
        self.answer()
        late = self.writer("--count", 50)
        late.finish()
        self.let_write(writer)
        self.stop_and_count(writer)
        self.assertEqual(self.events_of(late, f"{self.log}_{late.pid}"), 50)

    def test_a_host_is_killed_that_hangs(self):
        first = self.first_process()
        second = self.process_with_a_log_that_hangs()
        self.kill_worker_at_once()
        self.others_go_on("Other")
        self.answer()
        self.wait_for_processes(2)
        self.let_write(first, second)
        self.stop_and_count(first, second)

    def test_a_program_is_not_held_up(self):
        """Its log hangs from the first on."""
        writer = self.first_process()
        self.disk.hold()
        self.let_write(writer)
        self.others_go_on("Other")
        self.start_other()
        self.wait_for_program(writer)
        self.tracelog("-stop", "Other", code=None)
        self.answer()
        self.stop_and_count(writer)


class HungPrograms(HungDisk):
    def test_a_program_whose_probes_are_looked_for(self):
        program = self.mounted / "program"
        program.write_bytes(b"\x7fELF" + bytes(100000))
        self.start_host()
        self.disk.hold("READ")
        tool = self.begin("-start", "Probes", "-f", "probes.etl", "-guid", f"usdt:{program}:x")
        self.others_go_on("Other")
        out, err = tool.communicate(timeout=DEADLINE)
        self.assertIn("Probes", self.sessions())
        self.assertIn(str(TIMEOUT), out + err)
        self.disk.release()
        self.tracelog("-stop", "Probes", code=None)

    def check_recovery(self, name, *kind):
        """Of a session of a program that cannot be read, by a host whose worker was killed."""
        self.disk.hold("READ")
        self.kill_hosts([self.worker()])
        self.others_go_on("Other")
        self.refused("-flush", name, *kind, log="a program that it records")
        self.others_go_on("Later")
        self.answer()
        self.tracelog("-stop", name, *kind, code=None)
        self.assertNotIn(name, self.sessions())

    def test_a_program_whose_probes_are_taken_up_again(self):
        program = self.mounted / "sample"
        source = self.folder / "sample.c"
        source.write_text("#include <sys/sdt.h>\nint main(void) { STAP_PROBE(sample, tick); }\n")
        done = subprocess.run([os.environ.get("ETW_CC", "cc"), "-o", program, source],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest("needs sys/sdt.h: " + done.stderr[:200])
        self.start_host()
        done = self.tracelog("-start", "Probes", "-f", "probes.etl", "-guid",
                             f"usdt:{program}:sample", code=None)
        if done.returncode != 0:
            self.skipTest("needs uprobes: " + done.stderr)
        self.check_recovery("Probes")

    def record_heap(self):
        program = self.mounted / "heap"
        shutil.copyfile(BIN / "etw-test-heap", program)
        running = subprocess.Popen([program], text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.tools.append(running)
        self.assertEqual(running.stdout.readline().split()[0], "ready")
        self.start_host()
        done = self.tracelog("-start", "Heap", "-um", "-heap", "-pids", 1, running.pid, "-f",
                             "heap.etl", code=None)
        if done.returncode != 0:
            self.skipTest("needs uprobes: " + done.stderr)
        self.tools.remove(running)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)

    def test_a_program_whose_heap_is_recorded(self):
        self.record_heap()
        self.check_recovery("Heap", "-um")

    def test_a_program_that_a_session_which_did_not_come_to_be_has_changed(self):
        self.record_heap()
        self.kill_hosts()
        state = self.runtime / "sessions" / "0"
        (state / "config").unlink()
        self.disk.hold("READ")
        self.others_go_on("Other")
        self.assertTrue(state.exists())  # it is not done
        self.answer()
        wait_for(lambda: not state.exists(), "the program to be as it was")


class HungBoot(HungDisk):
    def configure(self, name, log):
        conf = self.folder / "config" / "autologger" / f"{name}.conf"
        conf.parent.mkdir(parents=True, exist_ok=True)
        conf.write_text(f"Start = 1\nFileName = {log}\n[{{{WRITER_GUID}}}]\nEnabled = 1\n")
        return conf

    def test_the_other_sessions_of_the_boot_run(self):
        hung = self.configure("Hung", self.log)
        self.configure("Other", self.folder / "other.etl")
        self.disk.hold("CREATE")
        subprocess.run([BIN / "etwd", "--boot", "--runtime-dir", self.runtime,
                        "--config-dir", self.folder / "config"], env=self.env, check=True,
                       timeout=DEADLINE, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self.assertEqual(self.sessions(), ["Other"])
        self.write(100)
        self.assertIn(f"Status = {TIMEOUT}\n", hung.read_text())
        self.answer()
        self.tracelog("-start", "Hung", "-f", self.log, "-guid", WRITER_GUID)
        self.tracelog("-stop", "Hung", code=None)
        self.tracelog("-stop", "Other")
        self.assertEqual(self.recorded("other.etl"), 100)


class HungKilledHost(HungDisk):
    def check_recovery(self, disk_hangs, kill):
        """Of a host that is killed while a log does not answer."""
        disk_hangs()
        self.wait_until_hung()
        kill()
        self.assertEqual(set(wait_for(self.sessions, "the sessions")), {"Other", "Hung"})
        self.wait_until_hung()
        self.others_go_on("Later")
        self.tracelog("-stop", "Other", code=None)
        self.refused("-flush", "Hung")
        self.answer()
        self.wait_until_answered()
        self.write(100)
        self.tracelog("-stop", "Hung")
        self.assertEqual(self.recorded(self.log), 300)  # the one of before, of Later, and this
        self.check_etl(self.log)

    def start_both(self):
        self.start()
        self.start_other()
        self.write(100)

    def test_worker_killed_before_its_requests_were_taken(self):
        self.start_both()
        self.check_recovery(self.disk.stop, self.kill_worker_at_once)

    def test_worker_killed_after_its_requests_were_taken(self):
        self.start_both()
        self.check_recovery(self.disk.hold, self.kill_worker_at_once)

    def start_both_without_flush(self):
        """With a request at the end of a process they could not end either."""
        self.disk.lack("FLUSH")
        (self.mounted / "first").touch()  # by which the kernel knows
        self.start_both()
        self.tracelog("-flush", "Hung")  # the rings of a program that has ended go with both

    def kill_both_at_once(self):
        """And those that they start to replace each other. One that hangs has no command line any
        more."""
        def none_left():
            left = self.host_pids()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left
        wait_for(none_left, "the hosts to be killed")

    def test_worker_and_keeper_killed(self):
        self.start_both_without_flush()
        self.check_recovery(self.disk.stop, self.kill_both_at_once)

    def test_worker_and_keeper_killed_after_its_requests_were_taken(self):
        """The worker cannot end, and has the folder's lock, its sockets and its connections."""
        self.start_both_without_flush()
        worker = self.worker()
        self.check_recovery(self.disk.hold, self.kill_both_at_once)
        wait_for(lambda: not pathlib.Path(f"/proc/{worker}").exists(), "its end")

    def test_worker_and_keeper_killed_and_hanging_as_they_end(self):
        """In the request that comes when a file is closed."""
        self.start_both()
        self.tracelog("-flush", "Hung")
        self.check_recovery(self.disk.stop, self.kill_both_at_once)

    def test_a_file_that_passes_for_rings_is_not_opened(self):
        """By the host that looks for those of its sessions."""
        self.disk.lack("FLUSH")  # all that inherit it close it
        self.start_host()
        self.start_other()
        trap = os.open(self.mounted / "memfd:etw-ring (deleted)", os.O_RDWR | os.O_CREAT)
        subprocess.run(["umount", "-l", self.mounted], check=True)
        self.assertEqual(os.readlink(f"/proc/self/fd/{trap}"), "/memfd:etw-ring (deleted)")
        self.disk.hold()
        self.kill_hosts()
        self.assertEqual(self.sessions(), ["Other"])
        self.others_go_on("Later")
        self.answer()
        os.close(trap)
        self.tracelog("-stop", "Other")

    def test_it_is_said_what_hangs(self):
        self.start_both_without_flush()
        self.disk.hold()
        self.wait_until_hung()
        worker = self.worker()
        self.kill_both_at_once()
        told = f"process {worker}, which was killed and hangs in {self.log}"
        self.assertIn(told, wait_for(lambda: told in self.tracelog("-doctor", code=None).stdout
                                     and self.tracelog("-doctor", code=None).stdout, "its end"))
        self.assertEqual(set(self.sessions()), {"Other", "Hung"})
        self.assertIn(f"going on without {told}", (self.runtime / "etwd.log").read_text())
        self.assertNotIn(told, self.tracelog("-doctor", code=None).stdout)
        self.answer()
        for name in ("Other", "Hung"):
            self.tracelog("-stop", name, code=None)

    def check_that_programs_come_over(self, kill):
        self.require_thread_descriptors()
        self.start_host()
        writer = self.waiting_writer()
        self.start_both_without_flush()
        self.disk.hold()
        self.wait_until_hung()
        kill()
        self.tracelog("-start", "New", "-f", "new.etl", "-guid", WRITER_GUID)
        self.wait_for_program(writer)
        self.tracelog("-enable", "New", "-guid", WRITER_GUID, "-timeout", PATIENCE_MS)
        self.let_write(writer)
        self.tracelog("-stop", "New")
        self.assertEqual(self.recorded("new.etl"), 100)
        self.answer()

    def require_thread_descriptors(self):
        try:
            os.close(os.pidfd_open(threading.get_native_id(), os.O_EXCL))
        except OSError:
            self.skipTest("needs Linux 6.9: descriptors of threads")

    def test_programs_turn_to_the_next_worker(self):
        self.check_that_programs_come_over(self.kill_worker_at_once)

    def test_programs_turn_to_the_next_host(self):
        self.check_that_programs_come_over(self.kill_both_at_once)
