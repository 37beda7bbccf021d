"""tracelog -doctor in surroundings that are really broken."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import threading
import unittest

from harness import BIN, DEADLINE, EndToEnd, NOBODY, SYSCALLS, deny, hang, is_root
from kernel import HAS_TYPES, has_tracefs

AS_ROOT = unittest.skipUnless(is_root(), "needs root")
KERNEL_CHECKS = ("tracefs", "perf_event_open", "uprobes", "type information", "programs (BPF)")


def is_locked_down():
    with contextlib.suppress(OSError):
        return "[confidentiality]" in pathlib.Path("/sys/kernel/security/lockdown").read_text()
    return False


class Doctor(EndToEnd):
    def doctor(self, code, cwd=None, **kwargs):
        """{check: its finding} of -doctor -json, and that the text says the same."""
        seen = []
        for form in (["-json"], []):
            done = subprocess.run([str(BIN / "tracelog"), "-doctor", *form], env=self.env,
                                  text=True, cwd=cwd or self.folder, capture_output=True,
                                  stdin=subprocess.DEVNULL, timeout=DEADLINE, **kwargs)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertEqual(done.stderr, "")
            seen.append(done.stdout)
        document = json.loads(seen[0])
        checks = {check["check"]: check for check in document["checks"]}
        needed = [c for c in checks.values() if c["needed_for"] == "captures"]
        self.assertEqual(document["failed"], sum(c["result"] == "failed" for c in needed))
        lines = seen[1].splitlines()
        for name, check in checks.items():
            line, = [text for text in lines if text[9:].startswith(name + " ")]
            self.assertEqual(line.split()[0].lower(), check["result"])
            if check["result"] == "ok":
                self.assertEqual(check["remedy"], "", name)
            else:
                self.assertIn(f"; remedy: {check['remedy']}", line)
                self.assertNotEqual(check["remedy"], "", name)
        return checks

    def assert_only(self, checks, result, *names):
        found = {name for name, check in checks.items()
                 if check["result"] == result and check["needed_for"] == "captures"}
        self.assertEqual(found, set(names))

    @contextlib.contextmanager
    def small_disk(self, size="64k"):
        place = self.folder / "small"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)],
                       check=True)
        try:
            yield place
        finally:
            self.kill_hosts()
            subprocess.run(["umount", str(place)], check=True)

    def test_on_a_machine_that_works_all_is_well_and_no_host_is_started(self):
        checks = self.doctor(0)
        self.assert_only(checks, "failed")
        self.assertIn("none runs", checks["session host"]["detail"])
        self.assertEqual(self.host_pids(), [])
        self.assertFalse(self.runtime.exists())
        for name in ("runtime folder", "shared memory", "restartable sequences", "membarrier",
                     "time stamp counter", "log folder", "kernel", "rights", "running programs"):
            self.assertEqual(checks[name]["needed_for"], "captures")
        for name in KERNEL_CHECKS:
            self.assertEqual(checks[name]["needed_for"], "kernel events")

    def test_a_running_host_is_asked(self):
        self.tracelog("-start", "A", "-f", "a.etl")
        self.assertIn("sessions: 1", self.doctor(0)["session host"]["detail"])

    def test_a_stopped_host_is_noticed(self):
        self.tracelog("-start", "A", "-f", "a.etl")
        for pid in self.host_pids():
            hang(pid)
        checks = self.doctor(1)
        self.assertIn("does not answer", checks["session host"]["detail"])

    def test_something_else_on_the_socket_is_noticed(self):
        self.runtime.mkdir(mode=0o700)
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(self.runtime / "control.sock"))
        server.listen()

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    peer.recv(1000)
                    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    peer.close()
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            self.assert_only(self.doctor(1), "failed", "session host")
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join()

    def test_without_etwd_the_host_cannot_be_started(self):
        alone = self.folder / "bin"
        alone.mkdir()
        shutil.copy(BIN / "tracelog", alone)
        self.env["PATH"] = "/usr/bin:/bin"
        done = subprocess.run([str(alone / "tracelog"), "-doctor"], env=self.env, text=True,
                              cwd=self.folder, capture_output=True)
        if pathlib.Path("/usr/local/libexec/etwd").exists():
            self.skipTest("an etwd is installed")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED   session host           there is no etwd", done.stdout)

    @AS_ROOT
    def test_a_runtime_folder_that_cannot_be_made(self):
        checks = self.doctor(1, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assert_only(checks, "failed", "runtime folder", "log folder")
        self.assertIn("Permission denied", checks["runtime folder"]["detail"])

    @AS_ROOT
    def test_a_host_that_one_may_not_talk_to(self):
        self.tracelog("-start", "A", "-f", "a.etl")
        work = self.folder / "work"
        work.mkdir()
        os.chown(work, NOBODY, NOBODY)
        checks = self.doctor(1, cwd=work, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(checks["rights"]["result"], "failed")
        self.assertIn("Permission denied", checks["rights"]["detail"])

    def test_a_runtime_folder_that_others_may_write(self):
        self.runtime.mkdir()
        self.runtime.chmod(0o777)
        self.assert_only(self.doctor(1), "failed", "runtime folder")

    def test_a_runtime_folder_with_too_long_a_path(self):
        self.env["ETW_RUNTIME_DIR"] = str(self.folder / ("x" * 120))
        self.assertIn("too long", self.doctor(1)["session host"]["detail"])

    @AS_ROOT
    def test_a_runtime_folder_on_a_full_disk(self):
        with self.small_disk() as place:
            self.runtime = place / "run"
            self.runtime.mkdir(mode=0o700)
            with contextlib.suppress(OSError):
                (place / "ballast").write_bytes(bytes(1 << 20))
            self.env["ETW_RUNTIME_DIR"] = str(self.runtime)
            checks = self.doctor(1)
            self.assert_only(checks, "failed", "runtime folder")
            self.assertIn("No space left", checks["runtime folder"]["detail"])

    @AS_ROOT
    def test_a_log_folder_on_a_full_disk(self):
        with self.small_disk() as place:
            self.assert_only(self.doctor(1, cwd=place), "failed", "log folder")

    def test_a_limit_on_the_size_of_files_is_one_on_shared_memory(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        checks = self.doctor(1, preexec_fn=limit)
        self.assert_only(checks, "failed", "shared memory")
        self.assert_only(checks, "warning", "size of files")
        self.assertEqual(checks["shared memory"]["remedy"], "ulimit -f unlimited")

    def test_few_descriptors_are_a_warning(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        self.assert_only(self.doctor(0, preexec_fn=limit), "warning", "open files")

    def test_sequences_that_the_c_library_does_not_register(self):
        self.env["GLIBC_TUNABLES"] = "glibc.pthread.rseq=0"
        found = self.doctor(0)["restartable sequences"]
        self.assertEqual((found["result"], found["detail"].split(":")[0]),
                         ("ok", "registered by the provider library"))

    @unittest.skipIf(os.uname().machine not in SYSCALLS, "system call numbers")
    def test_sequences_that_the_kernel_refuses_make_writing_slow(self):
        checks = self.doctor(0, preexec_fn=deny("rseq"))
        self.assert_only(checks, "warning", "restartable sequences")
        self.assertIn("over a socket", checks["restartable sequences"]["detail"])

    @unittest.skipIf(os.uname().machine not in SYSCALLS, "system call numbers")
    def test_a_membarrier_that_the_kernel_refuses_makes_writing_slow(self):
        self.assert_only(self.doctor(0, preexec_fn=deny("membarrier")), "warning", "membarrier")

    @AS_ROOT
    def test_without_proc_running_programs_cannot_be_found(self):
        script = f"mount -t tmpfs none /proc && exec {BIN}/tracelog -doctor"
        self.env["PATH"] = f"{BIN}:/usr/bin:/bin"
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script], env=self.env, text=True,
                              cwd=self.folder, capture_output=True)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("FAILED   running programs", done.stdout)

    @AS_ROOT
    def test_without_rights_only_kernel_events_suffer(self):
        work = self.folder / "work"
        work.mkdir()
        os.chown(work, NOBODY, NOBODY)
        self.env["ETW_RUNTIME_DIR"] = str(work / "run")
        checks = self.doctor(0, cwd=work, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assert_only(checks, "failed")
        for name in ("tracefs", "uprobes", "programs (BPF)"):
            self.assertEqual(checks[name]["result"], "missing")


class Refusals(EndToEnd):
    def look(self, *surroundings, setup="", **kwargs):
        """The checks, and what starts of sessions with these flags say: {flags: text}."""
        script = f"""{setup}
            tracelog -doctor -json >doctor
            for flags in PROC_THREAD FILE_IO_INIT; do
                tracelog -start T -f $flags.etl -eflag $flags >/dev/null 2>$flags || continue
                tracelog -stop T >/dev/null 2>&1
            done"""
        self.env["PATH"] = f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
        subprocess.run([*surroundings, "sh", "-c", script], env=self.env, cwd=self.folder,
                       check=False, timeout=2 * DEADLINE, stdin=subprocess.DEVNULL, **kwargs)
        self.kill_hosts()
        document = json.loads((self.folder / "doctor").read_text())
        checks = {check["check"]: check for check in document["checks"]}
        return checks, *((self.folder / flags).read_text()
                         for flags in ("PROC_THREAD", "FILE_IO_INIT"))

    def assert_missing(self, checks, *names):
        self.assertEqual({name for name in KERNEL_CHECKS if checks[name]["result"] == "missing"},
                         set(names))


@unittest.skipUnless(has_tracefs(), "needs root and tracefs")
class WithoutKernelEvents(Refusals):
    """Each thing that kernel events need, taken away: -doctor names it and what to do, and a session
    that needs it is refused in words that do, too."""

    def test_a_tracefs_that_is_not_mounted_is_mounted(self):
        checks, processes, _ = self.look("unshare", "--mount", setup="""
            umount -R /sys/kernel/debug 2>/dev/null; umount /sys/kernel/tracing""")
        self.assert_missing(checks)
        self.assertIn("a session mounts it", checks["tracefs"]["detail"])
        self.assertEqual(processes, "")

    def test_a_tracefs_that_may_only_be_read(self):
        checks, processes, _ = self.look("unshare", "--mount", setup="""
            umount -R /sys/kernel/debug 2>/dev/null
            mount -o remount,bind,ro /sys/kernel/tracing""")
        self.assert_missing(checks, "tracefs")
        self.assertIn("remount,rw", checks["tracefs"]["remedy"])
        self.assertIn("remount,rw", processes)

    def test_root_without_its_capabilities(self):
        checks, processes, _ = self.look(
            "setpriv", "--bounding-set=-sys_admin,-perfmon,-bpf",
            "--inh-caps=-sys_admin,-perfmon,-bpf")
        self.assert_missing(checks, "perf_event_open", "uprobes", "programs (BPF)")
        self.assertIn("CAP_SYS_ADMIN", checks["uprobes"]["remedy"])
        self.assertIn("perf_event_open() is refused, as the session host is root without "
                      "CAP_SYS_ADMIN", processes)

    @unittest.skipIf(os.uname().machine not in SYSCALLS, "system call numbers")
    def test_a_filter_of_system_calls(self):
        checks, processes, files = self.look(preexec_fn=deny("perf_event_open", "bpf"))
        self.assert_missing(checks, "perf_event_open", "programs (BPF)")
        for refusal in (processes, files):
            self.assertIn("perf_event_open() is refused to root by a filter", refusal)

    @unittest.skipUnless(HAS_TYPES, "this kernel has no type information (BTF)")
    def test_a_kernel_that_shows_no_types(self):
        checks, processes, files = self.look("unshare", "--mount", setup="""
            mount -t tmpfs none /sys/kernel/btf""")
        self.assert_missing(checks, "type information")
        self.assertEqual(processes, "")
        self.assertIn("kernel events: the kernel has no type information (BTF)", files)
        self.assertIn("tracelog -doctor", files)


@unittest.skipUnless(is_locked_down(), "the kernel is not locked down")
class LockedDown(Refusals):
    def test_a_kernel_that_is_locked_down(self):
        checks, processes, files = self.look("env")
        self.assert_missing(checks, "tracefs", "programs (BPF)")
        for name in ("tracefs", "programs (BPF)"):
            self.assertIn("locked down", checks[name]["detail"])
            self.assertIn("lockdown=", checks[name]["remedy"])
        for refusal in (processes, files):
            self.assertIn("the kernel is locked down: start it without", refusal)


if __name__ == "__main__":
    unittest.main()
