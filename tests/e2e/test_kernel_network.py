"""Network events of programs whose every connection, byte and datagram is known."""
import os
import pathlib
import socket
import subprocess
import sys

from harness import DEADLINE, wait_for
from kernel import TRACEFS, has_function, tells_lengths
from test_kernel_classes import ClassTest


class NetworkTest(ClassTest):
    def setUp(self):
        super().setUp()
        self.need_lengths()


def has_control_groups():
    """Of version 2: without them it is not told who sends and who accepts."""
    return any(line.split()[2] == "cgroup2"
               for line in pathlib.Path("/proc/self/mounts").read_text().splitlines())


class Datagrams(NetworkTest):
    def test_whom_they_go_to_and_what_size_they_have(self):
        self.start("NETWORKTRACE", "PROCESS")
        ports = {}
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                server = socket.socket(family, socket.SOCK_DGRAM)
                server.bind((host, 0))
            except OSError:
                continue  # no IPv6 here
            port = server.getsockname()[1]
            client = socket.socket(family, socket.SOCK_DGRAM)
            client.sendto(b"x" * 10, (host, port))          # named in the call
            client.sendmsg([b"x" * 20], [], 0, (host, port))
            client.connect((host, port))
            client.send(b"x" * 30)
            for _ in range(3):
                server.recvfrom(100)
            server.sendto(b"x" * 40, client.getsockname())
            client.recv(100)
            ports[host] = (port, client.getsockname()[1])
            server.close()
            client.close()
        self.stop()

        def of(name):
            return [e for e in self.events(name, "a.etl") if e["PID"] == os.getpid()]
        for host, (server, client) in ports.items():
            suffix = "IPV6" if ":" in host else ""
            names = {e["event"].split("/")[-1] for e in self.all_events("a.etl")
                     if e.get("provider") == "UdpIp"}
            send = next(n for n in names if n.startswith("Send") and (":" in host) == ("6" in n))
            receive = next(n for n in names if n.startswith("Recv") and (":" in host) == ("6" in n))
            sent = [(e["daddr"], e["dport"], e["size"]) for e in of(f"UdpIp/{send}")]
            self.assertEqual(sent, [(host, server, 10), (host, server, 20), (host, server, 30),
                                    (host, client, 40)], suffix)
            self.assertEqual([e["sport"] for e in of(f"UdpIp/{send}")],
                             [client, client, client, server])
            got = [(e["sport"], e["size"]) for e in of(f"UdpIp/{receive}")]
            self.assertEqual(got, [(server, 10), (server, 20), (server, 30), (client, 40)])
            # The server is connected to nobody, and asks who has sent.
            if has_control_groups():
                self.assertEqual([(e["daddr"], e["dport"]) for e in of(f"UdpIp/{receive}")],
                                 [(host, client), (host, client), (host, client), (host, server)])
            last = of(f"UdpIp/{receive}")[-1]
            self.assertEqual((last["saddr"], last["daddr"], last["dport"]), (host, host, server))

    def test_who_has_sent_to_a_socket_for_both_protocols_that_is_bound_to_no_address(self):
        self.start("NETWORKTRACE", "PROCESS")
        try:
            server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind(("::", 0))
        except OSError:
            self.skipTest("no IPv6 here")
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("127.0.0.1", 0))
        client.sendto(b"x" * 10, ("127.0.0.1", server.getsockname()[1]))
        # A look at it is not its receipt, and who does not ask is not told of the one before.
        server.recvfrom(100, socket.MSG_PEEK)
        server.recvfrom(100)
        client.sendto(b"x" * 20, ("127.0.0.1", server.getsockname()[1]))
        client.sendto(b"x" * 30, ("127.0.0.1", server.getsockname()[1]))
        server.recvfrom(100, socket.MSG_PEEK)
        server.recv(100)
        server.recv(100)
        ports = (client.getsockname()[1], server.getsockname()[1])
        client.close()
        server.close()
        self.stop()
        got = [e["fields"] for e in self.all_events("a.etl")
               if e.get("provider") == "UdpIp" and e["event"].split("/")[-1].startswith("Recv")
               and e["fields"]["PID"] == os.getpid()]
        self.assertEqual([(e["sport"], e["size"]) for e in got],
                         [(ports[1], 10), (ports[1], 20), (ports[1], 30)])
        if has_control_groups():
            self.assertEqual([(e["daddr"], e["dport"]) for e in got],
                             [("::ffff:127.0.0.1", ports[0]), ("::", 0), ("::", 0)])

    def test_of_a_thread_that_goes_from_processor_to_processor(self):
        before = os.sched_getaffinity(0)
        if len(before) < 2:
            self.skipTest("needs two processors")
        self.addCleanup(os.sched_setaffinity, 0, before)
        servers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
        for server in servers:
            server.bind(("127.0.0.1", 0))
            self.addCleanup(server.close)
        ports = [server.getsockname()[1] for server in servers]
        self.start("NETWORKTRACE", "PROCESS")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for port, cpu in zip(ports, sorted(before, reverse=True) * len(ports)):
                os.sched_setaffinity(0, {cpu})
                client.sendto(b"x", ("127.0.0.1", port))
        self.stop()
        self.assertEqual([e["dport"] for e in self.events("UdpIp/Send", "a.etl")
                          if e["PID"] == os.getpid()], ports)

    def test_empty_ones_and_what_comes_back_with_an_error(self):
        self.start("NETWORKTRACE", "PROCESS")
        server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        with server, client:
            server.bind(("127.0.0.1", 0))
            client.bind(("127.0.0.1", 0))
            client.sendto(b"", server.getsockname())
            self.assertEqual(server.recvfrom(100), (b"", client.getsockname()))
            ip_recverr = 11
            client.setsockopt(socket.SOL_IP, ip_recverr, 1)
            ports = server.getsockname()[1], client.getsockname()[1]
            server.close()  # what is sent comes back
            client.sendto(b"x" * 70, ("127.0.0.1", ports[0]))
            msg_errqueue = 0x2000
            self.assertEqual(len(client.recvmsg(100, 1000, msg_errqueue)[0]), 70)
        self.stop()
        told = [(e["event"].split("/")[-1][:4], e["fields"]["size"])
                for e in self.all_events("a.etl") if e.get("provider") == "UdpIp"
                and e["fields"]["PID"] == os.getpid() and e["fields"]["sport"] in ports]
        self.assertEqual(told, [("Send", 0), ("Recv", 0), ("Send", 70)])

    MANY = """
import ctypes, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
ports = [int(p) for p in sys.argv[1:3]]
for family, prefix in ((socket.AF_INET, ""), (socket.AF_INET6, "::ffff:")):
    try:
        sender = socket.socket(family, socket.SOCK_DGRAM)
    except OSError:
        continue  # no IPv6 here
    kept, messages = [], b""
    for i, port in enumerate(ports):
        address = (struct.pack("=HH4s8x", family, socket.htons(port), bytes((127, 0, 0, 1)))
                   if not prefix else
                   struct.pack("=HHI16sI", family, socket.htons(port), 0,
                               socket.inet_pton(family, prefix + "127.0.0.1"), 0))
        name = ctypes.create_string_buffer(address, len(address))
        data = ctypes.create_string_buffer(100)
        part = ctypes.create_string_buffer(struct.pack("@PN", ctypes.addressof(data), 10 + i))
        kept += [name, data, part]
        messages += struct.pack("@PI4xPNPNi4xI4x", ctypes.addressof(name), len(address),
                                ctypes.addressof(part), 1, 0, 0, 0, 0)
    assert libc.sendmmsg(sender.fileno(), messages, len(ports), 0) == len(ports), ctypes.get_errno()
print(os.getpid())
"""

    def test_whom_each_of_many_messages_goes_to(self):
        if not has_control_groups():
            self.skipTest("no control groups of version 2 are mounted")
        servers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for server in servers:
            server.bind(("127.0.0.1", 0))
            self.addCleanup(server.close)
        ports = [server.getsockname()[1] for server in servers]
        self.start("NETWORKTRACE", "PROCESS")
        pid = int(self.run_python(self.MANY, *ports))
        self.stop()
        sent = [(e["fields"]["daddr"], e["fields"]["dport"], e["fields"]["size"])
                for e in self.all_events("a.etl")
                if e.get("provider") == "UdpIp" and e["event"].split("/")[-1].startswith("Send")
                and e["fields"]["PID"] == pid]
        hosts = list(dict.fromkeys(host for host, _, _ in sent))
        self.assertIn(hosts, (["127.0.0.1"], ["127.0.0.1", "::ffff:127.0.0.1"]))
        self.assertEqual(sent, [(host, port, 10 + i) for host in hosts
                                for i, port in enumerate(ports)])


# A ring of io_uring: answers(wanted, entry...) asks for one thing and gives the results of as many
# as are wanted; 0 is printed for the process where there are no rings.
RING = """
import ctypes, mmap, os, socket, struct, sys
call = ctypes.CDLL(None, use_errno=True).syscall
parameters = ctypes.create_string_buffer(120)
ring = call(425, 8, parameters)
if ring < 0:
    print(0)
    sys.exit()
entries, = struct.unpack_from("I", parameters, 0)
_, tail, _, _, _, _, array = struct.unpack_from("7I", parameters, 40)
done_head, done_tail, done_mask, _, _, done = struct.unpack_from("6I", parameters, 80)
places = mmap.mmap(ring, max(array + 4 * entries, done + 32 * entries), mmap.MAP_SHARED)
slots = mmap.mmap(ring, 64 * entries, mmap.MAP_SHARED, offset=0x10000000)
def number(at):
    return struct.unpack_from("I", places, at)[0]
def ask(what, file, kind=0, offset=0, address=0, size=0, flags=0, rest=b""):
    i = number(tail) % entries
    struct.pack_into("BBHiQQII", slots, 64 * i, what, 0, kind, file, offset, address, size, flags)
    slots[64 * i + 32:64 * i + 64] = bytes(8) + rest.ljust(24, bytes(1))
    struct.pack_into("I", places, array + 4 * i, i)
    struct.pack_into("I", places, tail, number(tail) + 1)
    assert call(426, ring, 1, 0, 0, None, 0) == 1, ctypes.get_errno()
def answer():
    while number(done_head) == number(done_tail):
        assert call(426, ring, 0, 1, 1, None, 0) == 0, ctypes.get_errno()
    at = done + 16 * (number(done_head) & number(done_mask))
    result, = struct.unpack_from("i", places, at + 8)
    struct.pack_into("I", places, done_head, number(done_head) + 1)
    assert result >= 0, os.strerror(-result)
    return result
"""


class Accepts(NetworkTest):
    """Whose connection it is: of who has called accept(), where that asks for the other end."""

    # Takes connections of a listener that it has or makes, and says which.
    TAKE = """
import socket, sys
if sys.argv[1] == "fd":
    listener = socket.socket(fileno=int(sys.argv[2]))
else:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", int(sys.argv[2])))
    listener.listen()
print("ready", flush=True)
while True:
    peer, address = listener.accept()
    peer.recv(1)
    print(address[1], flush=True)
    peer.sendall(b"x")
"""

    def start_takers(self, *args, **kwargs):
        takers = []
        for _ in range(3):
            takers.append(subprocess.Popen([sys.executable, "-c", self.TAKE, *map(str, args)],
                                           stdout=subprocess.PIPE, text=True, **kwargs))
            self.addCleanup(takers[-1].stdout.close)
            self.addCleanup(takers[-1].wait)
            self.addCleanup(takers[-1].kill)
            self.assertEqual(takers[-1].stdout.readline(), "ready\n")
        return takers

    def use(self, address, takers, count):
        """Makes connections, and ends the takers. {port of our end: process that has taken it}"""
        for _ in range(count):
            with socket.create_connection(address) as client:
                client.sendall(b"x")
                client.recv(1)
        for taker in takers:
            taker.kill()
            taker.wait()
        return {int(port): taker.pid for taker in takers for port in taker.stdout}

    def accepts(self, port):
        return [e["fields"] for e in self.all_events("a.etl")
                if e.get("provider") == "TcpIp" and e["event"].split("/")[-1].startswith("Accept")
                and e["fields"]["sport"] == port]

    def assert_accepted(self, port, taken):
        told = self.accepts(port)
        self.assertEqual(len(told), len({e["dport"] for e in told}), "one is told twice")
        told = {e["dport"]: e["PID"] for e in told}
        self.assertEqual({port: told.get(port) for port in taken}, taken)

    def test_of_a_listener_that_several_processes_share(self):
        if not has_control_groups():
            self.skipTest("no control groups of version 2 are mounted")
        for family, host, to in ((socket.AF_INET, "127.0.0.1", "127.0.0.1"),
                                 (socket.AF_INET6, "::1", "::1"),
                                 (socket.AF_INET6, "::", "127.0.0.1")):
            with self.subTest(host):
                try:
                    listener = socket.socket(family)
                    if host == "::":
                        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                    listener.bind((host, 0))
                except OSError:
                    continue  # no IPv6 here
                listener.listen()
                port = listener.getsockname()[1]
                takers = self.start_takers("fd", listener.fileno(), pass_fds=[listener.fileno()])
                self.start("NETWORKTRACE", "PROCESS")
                taken = self.use((to, port), takers, 30)
                listener.close()
                self.stop()
                self.cached = ([], [])  # another log
                self.assertEqual(len(taken), 30)
                self.assert_accepted(port, taken)
                mapped = "::ffff:" if host == "::" else ""
                self.assertEqual({(e["saddr"], e["daddr"]) for e in self.accepts(port)},
                                 {(mapped + to, mapped + to)})

    def test_of_several_listeners_at_one_port(self):
        if not has_control_groups():
            self.skipTest("no control groups of version 2 are mounted")
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind(("127.0.0.1", 0))
            port = holder.getsockname()[1]
            takers = self.start_takers("port", port)
            self.start("NETWORKTRACE", "PROCESS")
            taken = self.use(("127.0.0.1", port), takers, 30)
            self.stop()
        self.assertEqual(len(taken), 30)
        self.assert_accepted(port, taken)

    def test_with_the_stack_of_the_call(self):
        if not has_control_groups():
            self.skipTest("no control groups of version 2 are mounted")
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "NETWORKTRACE+PROCESS",
                      "-stackwalk", "TcpAccept")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)):
                listener.accept()[0].close()
        self.stop()
        accept, = [e for e in self.all_events("a.etl") if e.get("provider") == "TcpIp"
                   and e["event"].endswith("/Accept") and e["fields"]["sport"] == port]
        self.assertTrue(any("accept4" in name for name in accept["symbols"]), accept)

    USE_OTHERS = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None)
peer = socket.socket(fileno=libc.accept(int(sys.argv[1]), None, None))
peer.recv(1)
print(os.getpid())
"""

    def test_of_a_call_that_does_not_ask_and_of_none(self):
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        self.start("NETWORKTRACE", "PROCESS")
        first = socket.create_connection(("127.0.0.1", port))
        first.sendall(b"x")
        done = subprocess.run([sys.executable, "-c", self.USE_OTHERS, str(listener.fileno())],
                              pass_fds=[listener.fileno()], check=True, capture_output=True,
                              timeout=DEADLINE)
        second = socket.create_connection(("127.0.0.1", port))  # nobody takes it
        taken = {first.getsockname()[1]: int(done.stdout), second.getsockname()[1]: os.getpid()}
        second.close()
        first.close()
        listener.close()
        self.stop()
        if not has_control_groups():  # then it is told as it comes in, of who listens
            taken[first.getsockname()[1]] = os.getpid()
        self.assert_accepted(port, taken)
        ends = [e["dport"] for e in self.events("TcpIp/Disconnect", "a.etl") if e["sport"] == port]
        self.assertEqual(sorted(ends), sorted(taken))

    BY_RING = RING + """
accept, several = 13, 1
listener = socket.create_server(("127.0.0.1", 0))
name = ctypes.create_string_buffer(128)
size = ctypes.c_uint(128)
clients = [socket.create_connection(listener.getsockname())]
ask(accept, listener.fileno(), offset=ctypes.addressof(size), address=ctypes.addressof(name))
peers = [socket.socket(fileno=answer())]
ask(accept, listener.fileno(), kind=several)
for _ in range(2):
    clients.append(socket.create_connection(listener.getsockname()))
    peers.append(socket.socket(fileno=answer()))
for peer in peers:
    peer.sendall(b"x")
print(os.getpid(), listener.getsockname()[1], *(c.getsockname()[1] for c in clients))
"""

    def test_of_what_io_uring_takes(self):
        self.start("NETWORKTRACE", "PROCESS")
        pid, *ports = map(int, self.run_python(self.BY_RING).split())
        self.stop()
        if pid == 0:
            self.skipTest("no io_uring here")
        self.assert_accepted(ports[0], {port: pid for port in ports[1:]})


class Connections(NetworkTest):
    def told(self, port):
        """[(event, size, whether it is of the end at this port)], of this process."""
        return [(e["event"].split("/")[-1].replace("IPV4", ""), e["fields"]["size"],
                 e["fields"]["sport"] == port) for e in self.all_events("a.etl")
                if e.get("provider") == "TcpIp" and e["fields"]["PID"] == os.getpid()
                and port in (e["fields"]["sport"], e["fields"]["dport"])]

    def connect(self, protocol=0, listener_protocol=0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, listener_protocol)
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        self.addCleanup(client.close)
        client.connect(listener.getsockname())
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        return client, peer, listener.getsockname()[1]

    def test_what_is_received_when_both_ends_send_no_more(self):
        self.start("NETWORKTRACE", "PROCESS")
        client, peer, port = self.connect()
        client.sendall(b"x" * 10)
        client.shutdown(socket.SHUT_WR)
        peer.recv(100)
        peer.sendall(b"x" * 3000)
        peer.close()
        tcp_info, closed = 11, 7
        wait_for(lambda: client.getsockopt(socket.IPPROTO_TCP, tcp_info, 1)[0] == closed,
                 "the kernel to be done with it")
        self.assertEqual(len(client.recv(1000)), 1000)
        self.assertEqual(len(client.recv(9000)), 2000)
        client.close()
        self.stop()
        told = self.told(port)
        self.assertEqual([t for t in told if t[0] in ("Send", "Recv")],
                         [("Send", 10, False), ("Recv", 10, True), ("Send", 3000, True),
                          ("Recv", 1000, False), ("Recv", 2000, False)])
        self.assertEqual(sorted(t[0] for t in told if t[1] == 0),
                         ["Accept", "Connect", "Disconnect", "Disconnect"])

    def test_what_is_sent_to_an_end_that_is_gone(self):
        self.start("NETWORKTRACE", "PROCESS")
        client, peer, port = self.connect()
        peer.close()
        self.assertEqual(client.recv(1), b"")
        self.assertEqual(client.send(b"x" * 44), 44)  # which is answered by an end
        client.close()
        self.stop()
        sent = [t for t in self.told(port) if t[0] == "Send"]
        self.assertEqual(sent[0], ("Send", 44, False))
        self.assertEqual(sum(t[0] == "Disconnect" for t in self.told(port)), 2)

    def test_refused_and_of_a_socket_that_tries_again(self):
        self.start("NETWORKTRACE", "PROCESS")
        with socket.socket() as nobody, socket.socket() as client:
            nobody.bind(("127.0.0.1", 0))
            refused = nobody.getsockname()[1]
            with self.assertRaises(ConnectionRefusedError):
                client.connect(("127.0.0.1", refused))
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
                client.connect(("127.0.0.1", port))
                listener.accept()[0].close()
        self.stop()
        self.assertEqual(self.told(refused), [])
        self.assertEqual(sorted(t[0] for t in self.told(port)),
                         ["Accept", "Connect", "Disconnect", "Disconnect"])

    def test_of_several_paths(self):
        """Multipath TCP: what is sent and received belongs to the first of its connections."""
        multipath = 262
        try:
            socket.socket(socket.AF_INET, socket.SOCK_STREAM, multipath).close()
        except OSError:
            self.skipTest("no multipath TCP here")
        if not has_control_groups():
            self.skipTest("no control groups of version 2 are mounted")
        self.start("NETWORKTRACE", "PROCESS")
        ports = []
        for listener_protocol in (multipath, 0):
            client, peer, port = self.connect(multipath, listener_protocol)
            client.sendall(b"x" * 1000)
            self.assertEqual(len(peer.recv(2000)), 1000)
            peer.sendall(b"x" * 77)
            self.assertEqual(len(client.recv(2000)), 77)
            ports.append(port)
        self.stop()
        for port in ports:
            expected = [("Connect", 0, False), ("Accept", 0, True), ("Send", 1000, False),
                        ("Recv", 1000, True), ("Send", 77, True), ("Recv", 77, False)]
            told = self.told(port)
            self.assertEqual(sorted(told), sorted(expected))
            ids = {(e["fields"]["sport"], e["fields"]["connid"])
                   for e in self.all_events("a.etl") if e.get("provider") == "TcpIp"
                   and port in (e["fields"]["sport"], e["fields"]["dport"])}
            self.assertEqual(len(ids), 2)


class Splices(NetworkTest):
    """What a program reads from a connection without a byte of it: into a pipe."""

    def setUp(self):
        super().setUp()
        self.listener = socket.socket()
        self.addCleanup(self.listener.close)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.out, self.into = os.pipe()
        self.addCleanup(os.close, self.out)
        self.addCleanup(os.close, self.into)

    def connect(self):
        client = socket.create_connection(self.listener.getsockname())
        peer, _ = self.listener.accept()
        self.addCleanup(peer.close)
        self.addCleanup(client.close)
        return client, peer

    def splice(self, peer, size):
        """Up to so many bytes, or to the end; how many."""
        done = 0
        while done < size:
            part = os.splice(peer.fileno(), self.into, min(size - done, 4096))
            if part == 0:
                break
            os.read(self.out, part)
            done += part
        return done

    def received(self, client):
        return [e["size"] for e in self.events("TcpIp/Recv", "a.etl")
                if e["sport"] == self.listener.getsockname()[1] and e["dport"] == client
                and e["PID"] == os.getpid()]

    def test_each_byte_that_is_spliced_from_a_connection_is_received(self):
        self.start("NETWORKTRACE", "PROCESS")
        client, peer = self.connect()
        port = client.getsockname()[1]
        client.sendall(b"x" * 1000)
        self.assertEqual(self.splice(peer, 600), 600)
        self.assertEqual(len(peer.recv(100)), 100)
        self.assertEqual(len(peer.recv(50, socket.MSG_PEEK)), 50)
        self.assertEqual(self.splice(peer, 300), 300)
        client.sendall(b"x" * 20_000)
        client.close()
        # To the end, which is none of the bytes.
        self.assertEqual(self.splice(peer, 1 << 20), 20_000)
        self.stop()
        told = self.received(port)
        self.assertEqual(told[:3], [600, 100, 300])
        self.assertEqual(sum(told), 21_000)

    BY_RING = RING + """
splice = 30
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
peer, _ = listener.accept()
out, into = os.pipe()
nowhere = 2 ** 64 - 1
for i in range(3):
    waits = i == 2
    if not waits:
        client.sendall(b"x" * (500 + i))
    ask(splice, into, offset=nowhere, address=nowhere, size=4096,
        rest=struct.pack("HHi", 0, 0, peer.fileno()))
    if waits:
        client.sendall(b"x" * (500 + i))
    assert len(os.read(out, answer())) == 500 + i
print(os.getpid(), listener.getsockname()[1])
"""

    def test_of_one_that_io_uring_splices_from(self):
        self.start("NETWORKTRACE", "PROCESS")
        pid, *port = map(int, self.run_python(self.BY_RING).split())
        self.stop()
        if pid == 0:
            self.skipTest("no io_uring here")
        self.assertEqual([e["size"] for e in self.events("TcpIp/Recv", "a.etl")
                          if e["PID"] == pid and e["sport"] == port[0]], [500, 501, 502])

    def test_of_one_that_is_sent_into_a_pipe(self):
        self.start("NETWORKTRACE", "PROCESS")
        client, peer = self.connect()
        port = client.getsockname()[1]
        client.sendall(b"x" * 900)
        self.assertEqual(os.sendfile(self.into, peer.fileno(), None, 4096), 900)
        self.stop()
        self.assertEqual(self.received(port), [900])

    ZERO_COPY = """
import ctypes, os, socket, struct
libc = ctypes.CDLL(None)
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
peer, _ = listener.accept()
libc.mmap.restype = ctypes.c_void_p
where = libc.mmap(None, ctypes.c_size_t(65536), 1, 1, peer.fileno(), ctypes.c_long(0))
copied = ctypes.create_string_buffer(8192)
client.sendall(b"x" * 800)
wanted = struct.pack("QIIIiQiIQQII", where, 65536, 0, 0, 0, ctypes.addressof(copied), 8192, 0, 0, 0,
                     0, 0)
buffer = ctypes.create_string_buffer(wanted, 64)
size = ctypes.c_uint(64)
failed = libc.getsockopt(peer.fileno(), socket.IPPROTO_TCP, 35, buffer, ctypes.byref(size))
got = struct.unpack("QIIIiQiIQQII", buffer.raw)
print(os.getpid(), listener.getsockname()[1], 0 if failed else got[1] + max(got[6], 0))
"""

    def test_of_one_that_is_received_without_a_copy(self):
        self.start("NETWORKTRACE", "PROCESS")
        pid, port, size = map(int, self.run_python(self.ZERO_COPY).split())
        self.stop()
        if size == 0:
            self.skipTest("no TCP_ZEROCOPY_RECEIVE that copies what fills no page here")
        self.assertEqual([e["size"] for e in self.events("TcpIp/Recv", "a.etl")
                          if e["PID"] == pid and e["sport"] == port], [size])

    def test_each_byte_that_sendfile_puts_into_a_connection_is_sent(self):
        if (TRACEFS / "events/sock/sock_send_length").is_dir() and has_function("inet_sendpage"):
            self.skipTest("the kernel's tracepoint does not tell it (Linux 6.3 and 6.4)")
        (self.folder / "page").write_bytes(b"x" * 50_000)
        self.start("NETWORKTRACE", "PROCESS")
        client, peer = self.connect()
        port = client.getsockname()[1]
        with open(self.folder / "page", "rb") as page:
            done = 0
            while done < 50_000:
                done += os.sendfile(client.fileno(), page.fileno(), done, 50_000 - done)
                peer.recv(100_000)
        client.send(b"x" * 10)
        self.stop()
        sent = [e["size"] for e in self.events("TcpIp/Send", "a.etl") if e["sport"] == port]
        self.assertEqual((sum(sent), sent[-1]), (50_010, 10))

    def test_of_one_whose_own_side_is_closed(self):
        self.start("NETWORKTRACE", "PROCESS")
        client, peer = self.connect()
        port = client.getsockname()[1]
        peer.shutdown(socket.SHUT_WR)
        client.sendall(b"x" * 700)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.splice(peer, 1 << 20), 700)
        self.stop()
        self.assertEqual(sum(self.received(port)), 700)

    def test_of_one_that_is_older_than_the_trace(self):
        client, peer = self.connect()
        port = client.getsockname()[1]
        client.sendall(b"x" * 500)
        self.assertEqual(self.splice(peer, 200), 200)
        self.start("NETWORKTRACE", "PROCESS")
        self.assertEqual(self.splice(peer, 300), 300)
        self.stop()
        self.assertEqual(self.received(port), [300])


class OldConnections(ClassTest):
    def setUp(self):
        super().setUp()
        self.pairs = {}
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                listener = socket.socket(family)
                listener.bind((host, 0))
            except OSError:
                continue  # no IPv6 here
            self.addCleanup(listener.close)
            listener.listen()
            client = socket.create_connection(listener.getsockname()[:2])
            peer, _ = listener.accept()
            self.addCleanup(peer.close)
            self.addCleanup(client.close)
            self.pairs[host] = (client, peer, client.getsockname()[1], listener.getsockname()[1])

    def use_them(self):
        for client, peer, _, _ in self.pairs.values():
            client.sendall(b"x" * 100)  # the peer does not read: that would tell its ends too
            client.close()
            peer.close()
        self.stop()
        events = [e for e in self.all_events("a.etl") if e.get("provider") == "TcpIp"]
        for host, (_, _, client, server) in self.pairs.items():
            of_it = [e for e in events
                     if (e["fields"]["sport"], e["fields"]["dport"]) == (client, server)]
            names = [e["event"].split("/")[-1].removesuffix("IPV6") for e in of_it]
            self.assertEqual(names, ["Send", "Disconnect"] if tells_lengths() else ["Disconnect"],
                             host)
            for fields in (e["fields"] for e in of_it):
                self.assertEqual((fields["saddr"], fields["daddr"], fields["PID"]),
                                 (host, host, os.getpid()))

    def test_the_ends_of_those_older_than_the_trace_are_known(self):
        self.start("NETWORKTRACE", "PROCESS")
        self.use_them()

    def test_those_older_than_an_update_are_known_too(self):
        self.start("PROCESS")
        self.tracelog("-update", "T", "-eflag", "NETWORKTRACE+PROCESS")
        self.use_them()
