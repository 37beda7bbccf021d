"""Hosts beside each other, and who started them."""
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import unittest

from harness import BIN, DEADLINE, EndToEnd, NOBODY, WRITER_GUID, room, wait_for

NAMESPACE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def namespaces_work():
    return os.geteuid() == 0 and subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0


# Runs in the namespace. $1: the tests' folder. Waits for a line before it ends the sessions.
SCRIPT = r"""
set -e
mount -t tmpfs none /run
mkdir -p /run/user/65534
chown 65534 /run/user/65534
chmod 700 /run/user/65534
cd "$1"
own() { setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_RUNTIME_DIR=/run/user/65534 "$@"; }
tracelog -start Sys -f sys.etl -guid $2 -max 512 -ft 1 >&2
own tracelog -start Own -f own/own.etl -guid $2 -max 512 -ft 1 >&2
own etw-test-writer --threads 2 --count 20000 --rate 10000 --hold --wait <&3 >&4 &
echo "hosts started" >&4
read line
tracelog -stop Sys -json > sys.json
own tracelog -stop Own -json > own/own.json
"""


class SystemAndUsersOwn(EndToEnd):
    """Both at once, as they are found without ETW_RUNTIME_DIR: in a mount namespace with a /run of
    its own."""

    def setUp(self):
        super().setUp()
        if not namespaces_work():
            self.skipTest("needs root and mount and process namespaces")
        (self.folder / "own").mkdir()
        os.chown(self.folder / "own", NOBODY, NOBODY)

    def run_both(self, meanwhile):
        env = {k: v for k, v in self.env.items() if k not in ("ETW_RUNTIME_DIR", "XDG_RUNTIME_DIR")}
        env["PATH"] = f"{BIN}:{env['PATH']}"
        to_writer, from_test = os.pipe()
        from_script, to_test = os.pipe()
        with subprocess.Popen([*NAMESPACE, "bash", "-c", f"exec 3<&{to_writer} 4>&{to_test}; {SCRIPT}",
                               "hosts", str(self.folder), WRITER_GUID], env=env, text=True,
                              stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                              pass_fds=(to_writer, to_test)) as script:
            os.close(to_test)
            os.close(to_writer)
            with os.fdopen(from_script) as out, os.fdopen(from_test, "w") as into:
                said = {out.readline().strip(), out.readline().strip()}
                self.assertEqual(said, {"hosts started", "ready"})
                into.write("\n")
                into.flush()
                meanwhile()
                self.assertEqual(out.readline(), "written 40000\n")
                script.stdin.write("\n")
                script.stdin.close()
                self.assertEqual(script.wait(DEADLINE), 0, script.stderr.read())

    def assert_all_recorded(self, folder, name):
        final = json.loads((folder / f"{name}.json").read_text())
        self.assertEqual(final["events_lost"], 0)
        found = self.numbered(folder / f"{name}.etl")
        self.assertEqual([len(s) for s in found.values()], [20000, 20000])
        self.assert_prefixes(found)
        self.check_etl(folder / f"{name}.etl")

    def system_hosts(self):
        """Of the namespace's root: without the test's or a user's folder in their arguments."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if ((entry / "comm").read_text() == "etwd\n" and entry.stat().st_uid == 0 and
                            b"ETW_RUNTIME_DIR" not in (entry / "environ").read_bytes() and
                            os.readlink(entry / "ns/pid") != os.readlink("/proc/self/ns/pid")):
                        found.append(int(entry.name))
                except OSError:
                    pass
        return found

    def test_both_record_every_event_of_one_program(self):
        self.run_both(lambda: None)
        self.assert_all_recorded(self.folder, "sys")
        self.assert_all_recorded(self.folder / "own", "own")

    def test_the_death_of_one_is_nothing_to_the_other(self):
        def kill_worker():
            hosts = wait_for(self.system_hosts, "the system's host")
            os.kill(max(hosts), signal.SIGKILL)
        self.run_both(kill_worker)
        self.assert_all_recorded(self.folder, "sys")
        self.assert_all_recorded(self.folder / "own", "own")


class Inherited(EndToEnd):
    """A host has of who happened to start it neither limits, where it may raise them, nor what that
    one does with signals."""
    SIZE = 4 << 20

    def start_under(self, preexec_fn, *options):
        self.tracelog("-start", "I", "-f", "i.etl", "-guid", WRITER_GUID, *options,
                      preexec_fn=preexec_fn)
        return self.worker()

    def record(self, *options):
        """What is written and what -stop shows; more than the limit."""
        writer = self.writer("--count", 40000, "--fill", 200, *options)
        count = writer.written()
        writer.finish()
        done = self.tracelog("-stop", "I", "-json", code=None)
        return count, json.loads(done.stdout)

    def test_a_log_at_the_highest_size_is_a_full_disk(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.SIZE, self.SIZE))
        worker = self.start_under(limit, "-b", "4", "-max", "64")
        count, final = self.record("--rate", "20000")
        self.assertEqual(self.worker(), worker)
        self.assertGreater(final["log_buffers_lost"], 0)
        self.assertLessEqual((self.folder / "i.etl").stat().st_size, self.SIZE)
        found = sum(map(len, self.numbered("i.etl").values()))
        self.assertEqual(found + final["events_lost"], count)
        self.check_etl(self.folder / "i.etl")

    def test_a_limit_that_may_be_raised_is_none(self):
        def limit():
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.SIZE, hard))
        if resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY:
            self.skipTest("needs files of any size")
        worker = self.start_under(limit, *room(32))
        count, final = self.record()
        self.assertEqual(self.worker(), worker)
        self.assertEqual((final["events_lost"], final["log_buffers_lost"]), (0, 0))
        self.assertEqual(sum(map(len, self.numbered("i.etl").values())), count)

    def test_children_that_nobody_wants_to_know_of(self):
        def ignore():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        worker = self.start_under(ignore)
        keeper, = (pid for pid in self.host_pids() if pid != worker)
        status = pathlib.Path(f"/proc/{keeper}/status").read_text()
        ignored = int(re.search(r"^SigIgn:\s*(\w+)$", status, re.MULTILINE)[1], 16)
        self.assertEqual(ignored >> (signal.SIGCHLD - 1) & 1, 0)


if __name__ == "__main__":
    unittest.main()
