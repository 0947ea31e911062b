#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Members of a balancer, and a DNS server that names them: upstreams.py PORT DNS_PORT DIR COUNT.

Member i listens on 127.0.1.i:PORT and does what DIR/mode.i says when a request has come (ok where there is no such file):
    ok       answers 200 "member i"; a path that ends in /wait is answered once DIR/go exists
    reset    resets the connection            hang     never answers
    half     sends half of a header block, then never goes on
    cut      sends 200 and half of the body, then resets
    garbage  sends what is no HTTP            503      answers 503
Each request becomes a line of DIR/hits: member, method, path.

The DNS server answers on UDP 127.0.0.1:DNS_PORT from DIR/zone, lines of "name type ttl data": A address, AAAA address,
SRV priority weight port target. DIR/dns says how: ok; fail (SERVFAIL); silent; bad (its records are rubbish). A name that the zone
does not have does not exist."""
import os
import socket
import struct
import sys
import threading
import time

port, dns_port, place, count = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])


def setting(name, otherwise):
    try:
        with open(os.path.join(place, name), encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return otherwise


def hit(member, line):
    words = line.split(b" ")
    fd = os.open(os.path.join(place, "hits"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, b"%d %s %s\n" % (member, words[0], words[1] if len(words) > 1 else b"-"))
    os.close(fd)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer(connection, member, path, mode):
    """Whether the connection goes on."""
    body = b"member %d\n" % member
    if mode == "ok":
        while path.endswith(b"/wait") and not os.path.exists(os.path.join(place, "go")):
            time.sleep(0.02)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return True
    if mode == "503":
        connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nbusy\n")
        return True
    if mode == "garbage":
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\x00\x01\x02\xff\xfe rubbish\r\n\r\n")
    if mode == "half":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Ty")
    if mode == "cut":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50000)
        time.sleep(0.3)
    if mode in ("hang", "half"):
        connection.recv(1)
    if mode in ("reset", "cut"):
        reset(connection)
    return False


def serve(connection, member):
    data, goes_on = b"", True
    try:
        while goes_on:
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            head, data = data.split(b"\r\n\r\n", 1)
            lines = head.split(b"\r\n")
            for line in lines[1:]:
                if line.lower().startswith(b"content-length:"):
                    while len(data) < int(line.split(b":")[1]):
                        data += connection.recv(65536)
                    data = data[int(line.split(b":")[1]):]
            hit(member, lines[0])
            path = lines[0].split(b" ")[1]
            goes_on = answer(connection, member, path, setting("mode.%d" % member, "ok"))
    except OSError:
        pass
    finally:
        connection.close()


def listen(member):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.1.%d" % member, port))
    listener.listen(512)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, member), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def labels(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".") if part) + b"\0"


TYPES = {"A": 1, "AAAA": 28, "SRV": 33}


def record(name, kind, ttl, data):
    if kind == "A":
        rdata = socket.inet_aton(data[0])
    elif kind == "AAAA":
        rdata = socket.inet_pton(socket.AF_INET6, data[0])
    else:
        rdata = struct.pack("!HHH", int(data[0]), int(data[1]), int(data[2])) + labels(data[3])
    return labels(name) + struct.pack("!HHIH", TYPES[kind], 1, int(ttl), len(rdata)) + rdata


def resolve(query):
    mode = setting("dns", "ok")
    if mode == "silent" or len(query) < 17:
        return None
    at, parts = 12, []
    while query[at]:
        parts.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += query[at] + 1
    question, name = query[12:at + 5], ".".join(parts)
    wanted = struct.unpack("!H", query[at + 1:at + 3])[0]
    if mode == "bad":
        return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 3, 0, 0) + question + b"\xc0\xff rubbish"
    if mode == "fail":
        return query[:2] + struct.pack("!HHHHH", 0x8182, 1, 0, 0, 0) + question
    rows = [line.split() for line in setting("zone", "").splitlines() if line.strip()]
    answers = [record(name, row[1], row[2], row[3:]) for row in rows if row[0] == name and TYPES[row[1]] == wanted]
    rcode = 0 if any(row[0] == name for row in rows) else 3
    return query[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, len(answers), 0, 0) + question + b"".join(answers)


for number in range(1, count + 1):
    listen(number)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", dns_port))
with open(os.path.join(place, "ready"), "w", encoding="ascii") as ready:
    ready.write("ready")
while True:
    message, sender = server.recvfrom(4096)
    reply = resolve(message)
    if reply:
        server.sendto(reply, sender)
