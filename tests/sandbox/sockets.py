# SPDX-License-Identifier: Apache-2.0
names = ["INET", "INET6", "UNIX", "NETLINK", "PACKET", "VSOCK", "BLUETOOTH", "CAN", "ALG", "TIPC", "RDS", "QIPCRTR", "XDP"]
numbers = {"VSOCK": 40, "BLUETOOTH": 31, "CAN": 29, "ALG": 38, "TIPC": 30, "RDS": 21, "QIPCRTR": 42, "XDP": 44}
for name in names:
    family = getattr(socket, "AF_" + name, numbers.get(name))
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        held(f"{name} {int(kind)}", socket.socket, family, kind)
held("socketpair of another family", socket.socketpair, socket.AF_INET)
a, b = socket.socketpair()
held("connect of a pair", a.connect, "/tmp/x")
held("bind of a pair", a.bind, "\0abstract")
held("listen of a pair", a.listen, 1)
held("descriptors over a pair", socket.send_fds, a, [b"x"], [0])
print("done")
