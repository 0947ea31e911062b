# SPDX-License-Identifier: Apache-2.0
"""A receiver of traces (OTLP/HTTP) and errors (Sentry envelopes) for tests, which misbehaves as the file DIR/mode says at
each request.

usage: receiver.py PORT DIR
modes: good     take it
       partial  take it, but say that two spans were rejected
       slow     take it after a second and a half
       refuse   400
       sick     503
       busy     429 with Retry-After: 3600
       limits   take it, and say that no more errors are wanted for an hour
       others   the same of other things than errors
       stall    say nothing
DIR/requests has one line of JSON for each request: path, headers, body, mode. A request for /run is answered like a program
that ran well, one for /hang never.
"""
import http.server
import json
import os
import sys
import threading
import time

port, folder = int(sys.argv[1]), sys.argv[2]
lock = threading.Lock()
RAN = {"status": "ok", "stdout": "1\n", "stderr": "", "exit_code": 0, "signal": None, "duration_ms": 5, "cpu_ms": 4,
       "memory_kb": 3, "truncated": False}
STATUS = {"refuse": 400, "sick": 503, "busy": 429}
HEADERS = {"busy": {"Retry-After": "3600"},
           "limits": {"X-Sentry-Rate-Limits": "10:transaction:organization, 3600:default;error:key:quota"},
           "others": {"X-Sentry-Rate-Limits": "3600:transaction;session:organization"}}
BODY = {"partial": {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "no"}}}


def mode():
    with open(os.path.join(folder, "mode"), encoding="ascii") as f:
        return f.read().strip()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def say(self, status, body, headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        how = mode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        with lock, open(os.path.join(folder, "requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps({"path": self.path, "headers": headers, "body": body, "mode": how}) + "\n")
        if self.path == "/run":
            return self.say(200, RAN, {})
        if self.path == "/hang":
            time.sleep(60)
            return None
        if how == "stall":
            time.sleep(60)
            self.close_connection = True
            return None
        if how == "slow":
            time.sleep(1.5)
        return self.say(STATUS.get(how, 200), BODY.get(how, {}), HEADERS.get(how, {}))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(("127.0.0.1", port), Handler)
with open(os.path.join(folder, "ready"), "w", encoding="ascii") as ready:
    ready.write("ready")
server.serve_forever()
