#!/usr/bin/env python3
"""Usage: check_messages.py ROOT DUMP_TOOL LANGUAGE COMPILER OPTION...

Compiles the messages of tests/unit/provider as an object file, a shared library and with link-time
optimization, with and without optimization, and compares what is found in each with
tests/golden/messages.tmf. The section must not be one that is loaded.
"""
import pathlib
import re
import subprocess
import sys
import tempfile


def run(*command):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{done.stderr}")
    return done.stdout


def without_lines(text):
    """gcc and clang count the line of a call that spans several in different ways."""
    return re.sub(r"(messages_h)\d+ ", r"\1 ", text)


def main():
    root, dump, language, *compiler = sys.argv[1:]
    source = pathlib.Path(root) / "tests/unit/provider" / \
        ("messages_c.c" if language == "c" else "messages_cpp.cpp")
    golden = (pathlib.Path(root) / "tests/golden/messages.tmf").read_text()
    golden = without_lines(golden)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        for options in (["-O0", "-c"], ["-O2", "-c"], ["-O0", "-shared", "-fPIC"],
                        ["-O2", "-shared", "-fPIC", "-flto"]):
            if "-flto" in options and "clang" in compiler[0]:
                continue  # wants a linker of its own
            run(*compiler, *options, '-DETW_MESSAGE_FILE="messages"', source, "-o", out)
            found = without_lines(run(dump, out))
            if language == "c":
                if found != golden:
                    sys.exit(f"{options}: differs from messages.tmf:\n{found}")
            else:
                for line in re.findall("^#typev .*", golden.replace("messages_c_", "messages_cpp_"),
                                       re.MULTILINE):
                    if line not in found:
                        sys.exit(f"{options}: not found: {line}\n{found}")
                if "FUNC=write_any" not in found or "damaged 0" not in found:
                    sys.exit(f"{options}: templates:\n{found}")
            sections = [line for line in run("readelf", "-SW", out).splitlines()
                        if ".etw.messages" in line]
            if len(sections) != 1 or not re.search(r" 00 +0 +0 +1$", sections[0]):
                sys.exit(f"{options}: not one section without flags: {sections}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
