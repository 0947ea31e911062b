# SPDX-License-Identifier: Apache-2.0
"""A container engine for tests: docker_server.py PLACE DIR. PLACE is unix:/path or tcp://127.0.0.1:0; what it listens on
is printed. It answers GET alone, as the Docker Engine API does, and misbehaves as the file DIR/mode says at each request.
DIR/requests has a line for each of them: the method and the path.

modes: good      four containers: web (version 2 of control groups, frames), tty (a terminal's bytes), old (version 1) and
                 done, which has ended
       many      150 containers, half of which run
       hang      say nothing
       hang-list, hang-stats, hang-json, hang-logs   of this alone
       cut-list, cut-stats, cut-logs                 break off in the middle of it
       stall-logs                                    say nothing more in the middle of it
       error-list, error-stats, error-json, error-logs   500, with a text that nobody is to see
       garbage   bytes that are no HTTP
       html      a page in place of each answer
       names     ids and names that would lead elsewhere
       endless-list, endless-logs   never end
       frames    logs whose frames are broken
       flood     logs of many long lines
       flood-many   the same of 150 containers
       slow      the list takes a while
"""
import json
import os
import socket
import socketserver
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler

PLACE, DIR = sys.argv[1:]
WEB, TTY, OLD, DONE = ("%064x" % n for n in (0xa1, 0xb2, 0xc3, 0xd4))
GIB = 1 << 30


def mode():
    try:
        with open(os.path.join(DIR, "mode"), encoding="ascii") as f:
            return f.read().strip()
    except FileNotFoundError:
        return "good"


def item(ident, name, state, status, image="portal:1"):
    return {"Id": ident, "Names": ["/" + name], "Image": image, "State": state, "Status": status, "Labels": {"a": "b"}}


def containers(how):
    if how in ("many", "flood-many"):
        return [item("%064x" % n, "c%d" % n, *(("running", "Up 1 second (unhealthy)") if n % 2 else ("exited", "Exited (0)")))
                for n in range(150)]
    if how == "names":
        return [item("../../images/json?x=" + "a" * 12, "escape", "running", "Up"), item("a" * 11, "short", "running", "Up"),
                item(WEB, "n\n\x1b[31m\u202e\"/../" + "x" * 500, "running", "Up", "i\x00mage")]
    return [item(DONE, "done", "exited", "Exited (137) 2 hours ago"), item(WEB, "web", "running", "Up 2 hours (healthy)"),
            item(TTY, "tty", "running", "Up 3 seconds (health: starting)"), item(OLD, "old", "running", "Up 2 hours (unhealthy)")]


def figures(ident):
    cpu = {"cpu_usage": {"total_usage": 3_000_000_000}, "system_cpu_usage": 40_000_000_000, "online_cpus": 4}
    before = {"cpu_usage": {"total_usage": 2_500_000_000}, "system_cpu_usage": 36_000_000_000, "online_cpus": 4}
    memory = {"usage": 600_000_000, "limit": GIB, "stats": {"inactive_file": 100_000_000, "file": 200_000_000}}
    block = [{"op": "read", "value": 4096}, {"op": "write", "value": 8192}, {"op": "read", "value": 100}]
    if ident == OLD:
        for each in (cpu, before):
            del each["online_cpus"]
            each["cpu_usage"]["percpu_usage"] = [1, 2]
        memory["stats"] = {"total_inactive_file": 150_000_000, "inactive_file": 1}
        block = [{"op": "Read", "value": 5}, {"op": "Write", "value": 7}, {"op": "Total", "value": 12}]
    if ident == TTY:
        before = {"cpu_usage": {"total_usage": 0}}
        block = None
    return {"cpu_stats": cpu, "precpu_stats": before, "memory_stats": memory,
            "networks": {"eth0": {"rx_bytes": 1000, "tx_bytes": 20}, "eth1": {"rx_bytes": 1, "tx_bytes": 2}},
            "blkio_stats": {"io_service_bytes_recursive": block}}


def state(ident):
    health = {WEB: "healthy", TTY: "none", OLD: "unhealthy"}.get(ident)
    return {"Id": ident, "State": {"Status": "running", **({"Health": {"Status": health, "Log": []}} if health else {})}}


def frame(stream, data):
    return struct.pack(">BxxxL", stream, len(data)) + data


def log(ident, how):
    if how == "frames":
        return frame(1, b"whole\n") + struct.pack(">BxxxL", 9, 4) + b"lost\n"
    if how in ("flood", "flood-many"):
        return b"".join(frame(1 + n % 2, b"%05d " % n + b"x" * 5000 + b"\n") for n in range(300))
    if ident == TTY:
        return (b"\x1b[1;32mgreen\x1b[0m\ttab\r\n\x1b]0;title\x07after\r\n" + "\u2028sep\x07\u009b".encode() +
                b"\xff bell")
    return (frame(1, b"one\ntwo ") + frame(2, b"an error\n") + frame(1, "\u00e4nd\u0085 half\n".encode()) + frame(1, b"bad \xff\n") +
            b"".join(frame(1, b"line %d\n" % n) for n in range(60)) + frame(2, b"last without end"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def say(self, status, body, media="application/json", claimed=None):
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(claimed or len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def endless(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"[" + b" " * 65535)

    def misbehave(self, how, what):
        if how in ("hang", "hang-" + what):
            time.sleep(60)
        if how == "garbage":
            self.wfile.write(b"\x00\xffSSH-2.0-nothing\r\n\r\n" * 3)
        elif how == "html":
            self.say(200, b"<html>hello</html>", "text/html")
        elif how == "error-" + what:
            self.say(500, b'{"message":"secret canary"}')
        elif how in ("cut-" + what, "stall-" + what):
            self.say(200, frame(1, b"half\n") if what == "logs" else b'[{"Id"', claimed=1000)
            if how == "stall-" + what:
                time.sleep(60)
            self.connection.shutdown(socket.SHUT_RDWR)
        elif how == "endless-" + what:
            self.endless()
        else:
            return False
        self.close_connection = True
        return True

    def do_GET(self):
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write("%s %s\n" % (self.command, self.path))
        path, _, _ = self.path.partition("?")
        parts, how = path.strip("/").split("/"), mode()
        what = "list" if len(parts) == 2 else parts[2]
        if self.misbehave(how, what):
            return
        if how == "slow" and what == "list":
            time.sleep(1.5)
        if what == "list":
            self.say(200, json.dumps(containers(how)).encode())
        elif what == "stats":
            self.say(200, json.dumps(figures(parts[1])).encode())
        elif what == "json":
            self.say(200, json.dumps(state(parts[1])).encode())
        else:
            self.say(200, log(parts[1], how), "application/vnd.docker.raw-stream")

    def do_other(self):
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write("%s %s\n" % (self.command, self.path))
        self.say(405, b"{}")

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_other


class Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512


class Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 512


if PLACE.startswith("unix:"):
    server = Unix(PLACE[5:], Handler)
    os.chmod(PLACE[5:], 0o666)
    print(PLACE, flush=True)
else:
    server = Tcp(("127.0.0.1", int(PLACE.rsplit(":", 1)[1])), Handler)
    print("tcp://127.0.0.1:%d" % server.server_address[1], flush=True)
server.handle_error = lambda *_: None
server.serve_forever()
