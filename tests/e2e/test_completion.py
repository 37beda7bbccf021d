"""Shell completion, in the shells, from the installed files, against a live host."""
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import time
import unittest

from harness import BIN, EndToEnd, WRITER_GUID, wait_for

BUILD = pathlib.Path(os.environ["ETW_BUILD"])
COMPLETIONS = pathlib.Path(__file__).resolve().parents[2] / "completions"
BASH_FILE = COMPLETIONS / "openetw.bash"

# Completes the line that is given as words, as bash does for a Tab at its end.
BASH = """
source "$1"; shift
complete -p "$1" >/dev/null || exit 1
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_openetw "$1"
(( ${#COMPREPLY[@]} )) && printf '%s\\n' "${COMPREPLY[@]}"
exit 0
"""


class Completion(EndToEnd):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = f"{BIN}:{self.env['PATH']}"

    def sessions(self, *names):
        for number, name in enumerate(names):
            self.tracelog("-start", name, "-f", f"{number}.etl")

    def bash(self, *words):
        done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", str(BASH_FILE), *words],
                              env=self.env, cwd=self.folder, text=True, capture_output=True,
                              timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def test_options_in_bash(self):
        self.assertEqual(self.bash("tracelog", "-sto"), ["-stop"])
        self.assertIn("-displayonly", self.bash("tracefmt", "-d"))
        self.assertEqual(self.bash("tracepdb", "-js"), ["-json"])
        self.assertEqual(self.bash("traceview", "-jo"), ["-join"])
        self.assertEqual(self.bash("traceview", "-start", "S", "-join", "c"), ["cancel"])

    def test_live_sessions_in_bash(self):
        self.sessions("MyTrace", "My other", "x")
        for tool in ("tracelog", "traceview"):
            self.assertEqual(sorted(self.bash(tool, "-stop", "my")), ["MyTrace", "My\\ other"])
        self.assertEqual(self.bash("tracelog", "-q", "My\\ o"), ["My\\ other"])
        self.assertEqual(self.bash("tracelog", "-q", '"My o'), ["My other"])
        self.assertEqual(len(self.bash("tracelog", "-stop", "")), 3)

    def test_live_providers_in_bash(self):
        self.sessions("S")
        writer = self.writer("--count", 1, "--wait")
        found = self.bash("tracelog", "-enable", "S", "-guid", "")
        self.assertEqual(found, [WRITER_GUID])
        writer.go()

    def test_without_a_host_it_is_quick_and_quiet_and_starts_none(self):
        start = time.monotonic()
        self.assertEqual(self.bash("tracelog", "-stop", ""), [])
        self.assertEqual(self.bash("tracelog", "-guid", "x"), [])
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(self.host_pids(), [])
        self.assertFalse(self.runtime.exists())

    def test_a_killed_host_is_not_brought_back(self):
        self.sessions("S")
        self.kill_hosts()
        self.assertEqual(self.bash("tracelog", "-stop", ""), [])
        self.assertEqual(self.host_pids(), [])

    def test_a_host_that_does_not_answer_holds_nobody_up(self):
        self.sessions("S")
        for pid in self.host_pids():
            os.kill(pid, signal.SIGSTOP)
        self.assertEqual(self.bash("tracelog", "-stop", ""), [])

    def test_names_cannot_make_the_shell_run_anything(self):
        self.sessions("$(touch ran)", "`touch ran`;touch ran")
        for name in self.bash("tracelog", "-stop", ""):
            words = subprocess.run(["bash", "-c", f"printf '%s\\n' {name}"], cwd=self.folder,
                                   text=True, capture_output=True).stdout
            self.assertIn("touch ran", words)
        self.assertFalse((self.folder / "ran").exists())

    @unittest.skipUnless(shutil.which("zsh"), "needs zsh")
    def test_zsh(self):
        self.sessions("MyTrace", "Other One")
        master, slave = pty.openpty()
        self.env.update(ZDOTDIR=str(self.folder), TERM="dumb", PS1="% ")
        (self.folder / ".zshrc").write_text(
            f"fpath=({COMPLETIONS} $fpath)\nautoload -Uz compinit; compinit -u -D\n"
            "unsetopt beep zle_bracketed_paste; PROMPT='ready> '\n")
        shell = subprocess.Popen(["zsh", "-i"], env=self.env, cwd=self.folder, stdin=slave,
                                 stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        os.set_blocking(master, False)
        seen = ""

        def shown(text):
            nonlocal seen
            try:
                seen += os.read(master, 65536).decode()
            except BlockingIOError:
                pass
            return text in seen

        try:
            wait_for(lambda: shown("ready> "), "zsh")
            for line, result in ((b"tracelog -sto\t", "-stop "),
                                 (b"tracelog -q my\t", "MyTrace "),
                                 (b"traceview -stop Ot\t", "Other\\ One ")):
                seen = ""
                os.write(master, line)
                wait_for(lambda r=result: shown(r), f"{result!r} in zsh", 20)
                os.write(master, b"\x15")  # the line is thrown away
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen!r}") from None
        finally:
            shell.kill()
            shell.wait()
            os.close(master)

    def test_they_are_installed_where_the_shells_look(self):
        prefix = self.folder / "prefix"
        subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(prefix)], check=True,
                       capture_output=True)
        share = prefix / "share"
        for tool in ("tracelog", "traceview", "tracefmt", "tracepdb"):
            installed = share / "bash-completion" / "completions" / tool
            self.assertEqual(installed.read_text(), BASH_FILE.read_text())
        self.assertTrue((share / "zsh" / "site-functions" / "_openetw").exists())


if __name__ == "__main__":
    unittest.main()
