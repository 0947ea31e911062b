#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes POST requests: webhook_sink.py PORT FILE. Each body becomes a line of FILE; the first one is answered 503, as by a
service that is about to start."""
import http.server
import sys

refused = False


class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global refused
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, refused = (204, True) if refused else (503, True)
        with open(sys.argv[2], "ab") as file:
            file.write(b"%d %s %s %s\n" % (status, self.path.encode(), self.headers["Content-Type"].encode(), body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
