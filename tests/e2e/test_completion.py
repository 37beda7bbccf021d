"""Shell completion, in the shells, from the installed files, against a live host."""
import contextlib
import os
import pathlib
import pty
import shutil
import subprocess
import unittest

from harness import BIN, DEADLINE, EndToEnd, WRITER_GUID, hang, wait_for

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

    def start_sessions(self, *names):
        for number, name in enumerate(names):
            self.tracelog("-start", name, "-f", f"{number}.etl")

    def bash(self, *words):
        done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", str(BASH_FILE), *words],
                              env=self.env, cwd=self.folder, text=True, capture_output=True,
                              timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def expect(self, found, *words):
        """In any order. A host that a busy machine lets answer late is not waited for."""
        wait_for(lambda: sorted(self.bash(*words)) == sorted(found), f"{found} of {words}")

    def test_options_in_bash(self):
        self.assertEqual(self.bash("tracelog", "-sto"), ["-stop"])
        self.assertIn("-displayonly", self.bash("tracefmt", "-d"))
        self.assertEqual(self.bash("tracepdb", "-js"), ["-json"])
        self.assertEqual(self.bash("traceview", "-jo"), ["-join"])
        self.assertEqual(self.bash("traceview", "-start", "S", "-join", "c"), ["cancel"])

    def test_live_sessions_in_bash(self):
        self.start_sessions("MyTrace", "My other", "x")
        for tool in ("tracelog", "traceview"):
            self.expect(["MyTrace", "My\\ other"], tool, "-stop", "my")
        self.expect(["My\\ other"], "tracelog", "-q", "My\\ o")
        self.expect(["My other"], "tracelog", "-q", '"My o')
        self.expect(["MyTrace", "My\\ other", "x"], "tracelog", "-stop", "")

    def test_live_providers_in_bash(self):
        self.start_sessions("S")
        writer = self.writer("--count", 1, "--wait")
        self.expect([WRITER_GUID], "tracelog", "-enable", "S", "-guid", "")
        writer.go()

    def test_without_a_host_it_is_quiet_and_starts_none(self):
        self.assertEqual(self.bash("tracelog", "-stop", ""), [])
        self.assertEqual(self.bash("tracelog", "-guid", "x"), [])
        self.assertEqual(self.host_pids(), [])
        self.assertFalse(self.runtime.exists())

    def test_a_killed_host_is_not_brought_back(self):
        self.start_sessions("S")
        self.kill_hosts()
        self.assertEqual(self.bash("tracelog", "-stop", ""), [])
        self.assertEqual(self.host_pids(), [])

    def test_a_host_that_does_not_answer_holds_nobody_up(self):
        self.start_sessions("S")
        for pid in self.host_pids():
            hang(pid)
        self.assertEqual(self.bash("tracelog", "-stop", ""), [])

    def test_names_cannot_make_the_shell_run_anything(self):
        self.start_sessions("$(touch ran)", "`touch ran`;touch ran")
        names = wait_for(lambda: self.bash("tracelog", "-stop", ""), "the names")
        for name in names:
            words = subprocess.run(["bash", "-c", f"printf '%s\\n' {name}"], cwd=self.folder,
                                   text=True, capture_output=True).stdout
            self.assertIn("touch ran", words)
        self.assertFalse((self.folder / "ran").exists())

    @unittest.skipUnless(shutil.which("zsh"), "needs zsh")
    def test_zsh(self):
        self.start_sessions("MyTrace", "Other One")
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
                # A host that a busy machine lets answer late is not waited for: once more then.
                for _ in range(5):
                    seen = ""
                    os.write(master, b"\x15" + line)  # what stands there is thrown away
                    with contextlib.suppress(AssertionError):
                        wait_for(lambda r=result: shown(r), f"{result!r} in zsh", DEADLINE / 10)
                        break
                else:
                    self.fail(f"no {result!r} in zsh")
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
