# What a program tries that may reach one host, at argv[1] on 127.0.0.1: everything else, at the port argv[2] of the host.
import ctypes
import errno
import os
import socket
import sys

PORT, CANARY = int(sys.argv[1]), int(sys.argv[2])


def held(name, call):
    try:
        call()
    except OSError as e:
        print("held", name, errno.errorcode.get(e.errno, e.errno), flush=True)
        return
    print("ESCAPED", name, flush=True)


def connect(address, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(5)
    s.connect((address, port))


def says(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect((address, port))
    s.send(b"x")
    s.recv(9)


def call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)


socket.create_connection(("127.0.0.1", PORT), 5).close()
print("reaches the host")
held("canary", lambda: connect("127.0.0.1", CANARY))
for port in (22, 53, 80, 443, 5432, 6379):
    held("port %d" % port, lambda: connect("127.0.0.1", port))
for address in ("192.0.2.1", "10.0.0.1", "169.254.169.254", "8.8.8.8", "0.0.0.0"):
    held("host " + address, lambda: connect(address, 443 if address != "0.0.0.0" else CANARY))
held("udp", lambda: says("127.0.0.1", CANARY))
held("dns", lambda: says("8.8.8.8", 53))
held("names", lambda: socket.create_connection(("example.org", 443), 5))
held("ipv6", lambda: connect("::1", PORT, socket.AF_INET6))
held("unix", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
held("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
held("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
held("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
held("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
held("listen", lambda: socket.socket().bind(("127.0.0.1", 9999)))
held("unshare", lambda: call("unshare", 0x40000000))
held("setns", lambda: call("setns", 0, 0x40000000))
held("setsid", lambda: os.setsid())
held("ptrace", lambda: call("ptrace", 16, os.getppid(), 0, 0))
held("passwd", lambda: open("/etc/passwd"))
held("proc", lambda: os.listdir("/proc"))
held("program", lambda: open("/p/forge-survey", "w"))
print("done")
