"""A file system in memory that can be told not to answer, as one does whose server has gone.

The raw protocol of /dev/fuse, linux/fuse.h. As a program it serves the descriptor that it is given
and takes commands as lines of standard input, each answered by "ok":

    hold NAME...  requests of these kinds (all if none is named) are taken and not answered
    release       all that are held are answered, and those that come
    lack NAME     there are no requests of this kind
"""
import ctypes
import errno
import os
import pathlib
import select
import signal
import stat
import struct
import subprocess
import sys

from harness import APART, hang

OPCODES = {"LOOKUP": 1, "FORGET": 2, "GETATTR": 3, "SETATTR": 4, "UNLINK": 10, "OPEN": 14,
           "READ": 15, "WRITE": 16, "STATFS": 17, "RELEASE": 18, "FSYNC": 20, "FLUSH": 25,
           "INIT": 26, "OPENDIR": 27, "RELEASEDIR": 29, "CREATE": 35, "INTERRUPT": 36,
           "BATCH_FORGET": 42}
NAMES = {number: name for name, number in OPCODES.items()}
UNANSWERED = ("FORGET", "BATCH_FORGET", "INTERRUPT")
HEADER = struct.Struct("<IIQQIIII")  # fuse_in_header: length, opcode, unique, node, uid, gid, pid
ROOT = 1
BLOCK = 4096
MAX_WRITE = 128 * 1024
FATTR_SIZE = 1 << 3


class Refused(Exception):
    """With an errno."""


class Server:
    def __init__(self, device):
        self.device = device
        self.names = {}    # of files: node
        self.files = {}    # node: contents
        self.last_node = ROOT
        self.holds = set()
        self.lacks = set()
        self.held = []

    def serve(self):
        commands = b""
        while True:
            ready = select.select([self.device, 0], [], [])[0]
            if 0 in ready:
                more = os.read(0, 4096)
                if not more:
                    return
                *lines, commands = (commands + more).split(b"\n")
                for line in lines:
                    self.command(line.decode().split())
            if self.device in ready:
                try:
                    request = os.read(self.device, MAX_WRITE + BLOCK)
                except OSError as error:
                    if error.errno in (errno.ENODEV, errno.ECONNABORTED):
                        return  # unmounted
                    if error.errno in (errno.EAGAIN, errno.ENOENT, errno.EINTR):
                        continue
                    raise
                self.take(request)

    def command(self, words):
        if words[0] == "hold":
            self.holds = set(words[1:] or OPCODES)
        elif words[0] == "lack":
            self.lacks = set(words[1:])
        else:
            self.holds = set()
            held, self.held = self.held, []
            for request in held:
                self.take(request)
        os.write(1, b"ok\n")

    def take(self, request):
        _, opcode, unique, node, *_ = HEADER.unpack_from(request)
        name = NAMES.get(opcode, str(opcode))
        if name in UNANSWERED:
            return
        if name in self.holds:
            self.held.append(request)
            return
        try:
            handler = getattr(self, "do_" + name.lower(), None)
            if handler is None or name in self.lacks:
                raise Refused(errno.ENOSYS)
            answer, error = handler(node, request[HEADER.size:]), 0
        except Refused as refused:
            answer, error = b"", refused.args[0]
        try:
            os.write(self.device, struct.pack("<IiQ", 16 + len(answer), -error, unique) + answer)
        except OSError as gone:
            if gone.errno not in (errno.ENOENT, errno.ENODEV):  # who asked was killed
                raise

    def attributes(self, node):
        folder = node == ROOT
        size = 0 if folder else len(self.files[node])
        mode = stat.S_IFDIR | 0o777 if folder else stat.S_IFREG | 0o755
        return struct.pack("<6Q10I", node, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, mode, 1,
                           0, 0, 0, BLOCK, 0)

    def entry(self, node):  # nothing of it may be kept: each look is to ask
        return struct.pack("<4Q2I", node, 0, 0, 0, 0, 0) + self.attributes(node)

    @staticmethod
    def name_in(body):
        return body[:body.index(b"\0")]

    def do_init(self, _, body):
        major, _, readahead, _ = struct.unpack_from("<4I", body)
        return struct.pack("<4I2H2I2H8I", major, 31, readahead, 0, 16, 12, MAX_WRITE, 1, 0, 0,
                           *[0] * 8)[:64]

    def do_lookup(self, _, body):
        node = self.names.get(self.name_in(body))
        if node is None:
            raise Refused(errno.ENOENT)
        return self.entry(node)

    def do_getattr(self, node, _):
        return struct.pack("<Q2I", 0, 0, 0) + self.attributes(node)

    def do_setattr(self, node, body):
        valid, _, _, size = struct.unpack_from("<2I2Q", body)
        if valid & FATTR_SIZE:
            content = self.files[node]
            del content[size:]
            content.extend(bytes(size - len(content)))
        return self.do_getattr(node, body)

    def do_create(self, _, body):
        name = self.name_in(body[16:])
        if name not in self.names:
            self.last_node += 1
            self.names[name] = self.last_node
            self.files[self.last_node] = bytearray()
        return self.entry(self.names[name]) + self.do_open(0, b"")

    def do_unlink(self, _, body):
        if self.names.pop(self.name_in(body), None) is None:
            raise Refused(errno.ENOENT)
        return b""

    def do_open(self, _node, _body):
        return struct.pack("<Q2I", 0, 0, 0)

    do_opendir = do_open

    def do_read(self, node, body):
        _, offset, size = struct.unpack_from("<2QI", body)
        return bytes(self.files[node][offset:offset + size])

    def do_write(self, node, body):
        _, offset, size = struct.unpack_from("<2QI", body)
        content = self.files[node]
        content.extend(bytes(max(0, offset - len(content))))
        content[offset:offset + size] = body[40:40 + size]
        return struct.pack("<2I", size, 0)

    def do_statfs(self, _node, _body):
        blocks = (1 << 30) // BLOCK
        return struct.pack("<5Q4I24x", blocks, blocks, blocks, 1000, 1000, BLOCK, 255, BLOCK, 0)

    def do_done(self, _node, _body):
        return b""

    do_release = do_releasedir = do_flush = do_fsync = do_done


class FuseDisk:
    """Mounted at `folder`. close() ends it whatever it holds."""

    def __init__(self, folder):
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)  # OSError: there is none
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            data = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
            if libc.mount(b"etw-test", os.fsencode(folder), b"fuse", 6, data.encode()) != 0:
                raise OSError(ctypes.get_errno(), "mount")
            self.folder = folder
            self.server = subprocess.Popen([sys.executable, __file__, str(device)],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                           pass_fds=[device], **APART)
        finally:
            os.close(device)
        self.connection = self._connection()

    def _connection(self):
        """The number of its device, without asking it for anything."""
        for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
            words = line.split()
            if words[4] == str(self.folder):
                return words[2].partition(":")[2]
        raise AssertionError(f"{self.folder} is not mounted")

    def _command(self, *words):
        self.server.stdin.write(" ".join(words) + "\n")
        self.server.stdin.flush()
        assert self.server.stdout.readline() == "ok\n"

    def hold(self, *names):
        self._command("hold", *names)

    def release(self):
        self._command("release")

    def lack(self, *names):
        self._command("lack", *names)

    def stop(self):
        hang(self.server.pid)

    def go_on(self):
        self.server.send_signal(signal.SIGCONT)

    def close(self):
        """All that anybody waits for fails; nobody hangs on it any more."""
        control = pathlib.Path("/sys/fs/fuse/connections")
        if not (control / self.connection).exists():
            subprocess.run(["mount", "-t", "fusectl", "none", str(control)], capture_output=True)
        try:
            (control / self.connection / "abort").write_text("1")
        except OSError:
            pass  # gone, or no way to tell it; the end of its server does the same
        self.server.kill()
        self.server.wait()
        self.server.stdin.close()
        self.server.stdout.close()
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True)


if __name__ == "__main__":
    # With who started it, stopped or not: then nobody hangs on it.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    Server(int(sys.argv[1])).serve()
