# SPDX-License-Identifier: Apache-2.0
"""Back ends for the tests of the gateway: each listens on a port of its own and misbehaves as the path asks, or always.

usage: upstreams.py DIR NAME[=PORT]...
For each NAME its port, a free one if none is given, is written to DIR/NAME.port; DIR/NAME.mode, if it is there, is the mode of every request. Otherwise
the first word of the path is: "/hang/x" hangs.
modes: echo      200 with the request line and the headers as they came
       silent    accept, and say nothing
       headers   stop in the middle of the headers
       body      stop in the middle of the body
       reset     a reset as soon as the request is there
       cut       a reset in the middle of the body
       drip      the status line a byte at a time, ten a second
       dripbody  headers, then the body a byte at a time
       endless   headers, then a body that never ends
       lines     a status line, then header lines that never end
       large     a header of 64 KiB
       garbage   something that is no HTTP
       early     103 with a header, 100, then 200
       cookie    200 with Set-Cookie
       moved     302 to this back end
       err500    500 of its own, as HTML
       err503    503 of its own
       socket    upgrades to WebSocket and echoes text frames
"""
import base64
import hashlib
import os
import socket
import struct
import sys
import threading
import time

folder, names = sys.argv[1], sys.argv[2:]
EMPTY = b"\r\n\r\n"


def head_of(sock):
    data = b""
    while EMPTY not in data:
        more = sock.recv(65536)
        if not more:
            return None, b""
        data += more
    head, rest = data.split(EMPTY, 1)
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(rest) < int(line.split(b":")[1]):
                rest += sock.recv(65536)
    return head, rest


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def plain(status, body, *headers):
    lines = ["HTTP/1.1 " + status, "Content-Length: %d" % len(body), "Content-Type: text/plain", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def wait(sock):
    """Until the other side goes."""
    sock.settimeout(60)
    try:
        while sock.recv(4096):
            pass
    except OSError:
        pass


def frames(sock, head):
    key = [line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")][0]
    digest = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: %s\r\n\r\n" % digest).encode())
    with sock.makefile("rb") as f:
        while True:
            start = f.read(2)
            if len(start) < 2 or start[0] & 15 == 8:
                return
            mask, data = f.read(4), bytearray(f.read(start[1] & 127))
            for i in range(len(data)):
                data[i] ^= mask[i % 4]
            sock.sendall(bytes((0x81, len(data))) + data)


def drip(sock, data, pause):
    for i in range(len(data)):
        sock.sendall(data[i:i + 1])
        time.sleep(pause)


def behave(sock, mode, head, name):
    if mode == "silent":
        wait(sock)
    elif mode == "headers":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Half: ye")
        wait(sock)
    elif mode == "body":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")
        wait(sock)
    elif mode == "reset":
        reset(sock)
    elif mode == "cut":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")
        time.sleep(0.2)
        reset(sock)
    elif mode == "drip":
        drip(sock, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 4000, 0.1)
    elif mode == "dripbody":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")
        drip(sock, b"y" * 4000, 0.1)
    elif mode == "endless":
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"400\r\n" + b"z" * 1024 + b"\r\n")
            time.sleep(0.01)
    elif mode == "lines":
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        for i in range(1000000):
            sock.sendall(b"X-Line-%d: %s\r\n" % (i, b"v" * 1000))
    elif mode == "large":
        sock.sendall(plain("200 OK", b"large", "X-Large: " + "l" * 70000))
    elif mode == "garbage":
        sock.sendall(b"\x16\x03\x01 this is no HTTP at all\r\nreally\r\n\r\nnot")
    elif mode == "early":
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </early.css>; rel=preload\r\nX-Forge-Early: no\r\n\r\n"
                     b"HTTP/1.1 100 Continue\r\n\r\n" + plain("200 OK", b"at last"))
    elif mode == "cookie":
        sock.sendall(plain("200 OK", b"cookie", "Set-Cookie: lab=1; Path=/", "Set-Cookie: __Host-forge_session=stolen"))
    elif mode == "moved":
        host = [line for line in head.split(b"\r\n") if line.lower().startswith(b"host:")][0].split(b":", 1)[1].strip()
        sock.sendall(plain("302 Found", b"", "Location: http://%s/echo/there" % host.decode()))
    elif mode.startswith("err"):
        sock.sendall(plain(mode[3:] + " Own", b"<p>its own page</p>"))
    elif mode == "socket":
        frames(sock, head)
    else:
        sock.sendall(plain("200 OK", name.encode() + b"\n" + head + b"\n"))
        return True
    return False


def serve(sock, name):
    try:
        while True:
            head, _ = head_of(sock)
            if head is None:
                break
            mode = head.split(b" ")[1].split(b"/")[1].decode()
            try:
                with open(os.path.join(folder, name + ".mode"), encoding="ascii") as f:
                    mode = f.read().strip() or mode
            except FileNotFoundError:
                pass
            if not behave(sock, mode, head, name):
                break
    except OSError:
        pass
    try:
        sock.close()
    except OSError:
        pass


def listen(what):
    name, _, port = what.partition("=")
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", int(port or 0)))
    server.listen(128)
    with open(os.path.join(folder, name + ".part"), "w", encoding="ascii") as f:
        f.write(str(server.getsockname()[1]))
    os.rename(os.path.join(folder, name + ".part"), os.path.join(folder, name + ".port"))
    while True:
        threading.Thread(target=serve, args=(server.accept()[0], name), daemon=True).start()


for one in names:
    threading.Thread(target=listen, args=(one,), daemon=True).start()
threading.Event().wait()
