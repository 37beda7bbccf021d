#!/usr/bin/env python3
"""Checks that the layers depend one way only.

Each folder below lib/ may include itself and what ALLOWED gives it, directly or through what it
depends on. cmd/ may reach lib/cli and the entry point of the host; include/ nothing of lib/.
Platform headers and what depends on the system stay where the architecture puts them. Exit 1 and a
line for each breach.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

ALLOWED = {
    "base": [],
    "wire": ["base"],
    "ring": ["base", "wire"],
    "etl": ["base", "wire"],
    "provider": ["wire", "ring", "etl"],
    "session": ["base"],
    "boot": ["session"],
    "backend_linux": ["boot", "session", "wire", "ring", "etl"],
    "backend_windows": ["session", "etl"],
    "kernel": ["base", "wire"],
    "host": ["boot", "ring", "etl", "wire", "session", "kernel"],
    "tmf": ["base"],
    "decode": ["etl", "tmf"],
    "render": ["decode"],
    "export": ["render"],
    "symbols": ["render", "tmf"],
    "cli": ["session", "render", "export", "symbols", "tmf"],
}
CMD_MAY = {"cli", "host", "boot", "base"}
LINUX_LAYERS = {"base", "ring", "provider", "boot", "backend_linux", "kernel", "host"}
WINDOWS_LAYERS = {"base", "backend_windows"}
LINUX_HEADER = re.compile(r"^(sys/(?!types)|linux/|unistd\.h|fcntl\.h|poll\.h|sched\.h|pthread\.h)")
# Conditions on the system or on a compiler that only one of them has. Elsewhere the build chooses.
SYSTEM_CONDITION = re.compile(r"^\s*#\s*(if|elif).*\b(_WIN(32|64)|_MSC_VER|__MINGW\w*|__CYGWIN__|"
                              r"__linux\w*|__unix\w*|__APPLE__|_POSIX_VERSION)\b")
SYSTEM_LAYERS = {"base", "backend_linux", "backend_windows"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def reachable(layer):
    seen, todo = set(), [layer]
    while todo:
        for below in ALLOWED[todo.pop()]:
            if below not in seen:
                seen.add(below)
                todo.append(below)
    return seen | {layer}


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def system_conditions(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if SYSTEM_CONDITION.match(line):
            yield number


def sources(folder):
    return (p for p in sorted(folder.rglob("*")) if p.suffix in {".h", ".c", ".cpp", ".S"})


def main():
    breaches = []

    def breach(path, number, text):
        breaches.append(f"{path.relative_to(ROOT)}:{number}: {text}")

    for folder in sorted((ROOT / "lib").iterdir()):
        if not folder.is_dir():
            continue
        layer = folder.name
        if layer not in ALLOWED:
            breach(folder, 0, "folder is no layer of docs/architecture.md")
            continue
        may = reachable(layer)
        for path in sources(folder):
            for number, system, name in includes(path):
                other = name.split("/")[0]
                if not system and other in ALLOWED and other not in may:
                    breach(path, number, f"{layer} may not depend on {other}")
                if system and name.lower() == "windows.h" and layer not in WINDOWS_LAYERS:
                    breach(path, number, "<windows.h> belongs to backend_windows and base")
                if system and LINUX_HEADER.match(name) and layer not in LINUX_LAYERS:
                    breach(path, number, f"{layer} builds everywhere: no <{name}>")
    for path in sources(ROOT / "cmd"):
        for number, system, name in includes(path):
            other = name.split("/")[0]
            if not system and other in ALLOWED and other not in CMD_MAY:
                breach(path, number, f"cmd reaches past lib/cli into {other}")
    for folder in ("include", "include_linux", "include_windows"):
        for path in sources(ROOT / folder):
            for number, system, name in includes(path):
                if not system and name.split("/")[0] in ALLOWED:
                    breach(path, number, "public headers include nothing of lib/")
    for folder in ("cmd", "include", "include_linux", "include_windows", "lib", "tests"):
        for path in sources(ROOT / folder):
            parts = path.relative_to(ROOT).parts
            if parts[0] == "lib" and parts[1] in SYSTEM_LAYERS:
                continue
            for number in system_conditions(path):
                breach(path, number, "a condition on the system: have the build choose between files")

    for line in breaches:
        print(line)
    if breaches:
        return 1
    print("layers: one way only")
    return 0


if __name__ == "__main__":
    sys.exit(main())
