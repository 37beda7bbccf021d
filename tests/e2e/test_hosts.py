"""The system's host and a user's own at once, as they are found without ETW_RUNTIME_DIR: in a mount
namespace with a /run of its own."""
import json
import os
import pathlib
import signal
import subprocess
import unittest

from harness import BIN, DEADLINE, EndToEnd, NOBODY, WRITER_GUID, wait_for

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


if __name__ == "__main__":
    unittest.main()
