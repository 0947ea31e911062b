# SPDX-License-Identifier: Apache-2.0
# A git server over https for tests of the sandbox that clones: git_server.py FOLDER CERTIFICATE KEY. Prints its port,
# then a line for each connection. /redirect/… points elsewhere, /flood never ends.
import os
import socketserver
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler

FOLDER, CERTIFICATE, KEY = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    def flood(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65536)

    def answer(self):
        path, _, query = self.path.partition("?")
        if path.startswith("/redirect/"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/redirect/", "/forge/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path == "/flood":
            self.flood()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        env = {"GIT_PROJECT_ROOT": FOLDER, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
               "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
               "CONTENT_LENGTH": str(len(body)), "PATH": os.environ["PATH"], "HOME": FOLDER,
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "GIT_CONFIG_COUNT": "1",
               "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", "")}
        out = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        status = 200
        for line in head.decode().split("\r\n"):
            if line.startswith("Status:"):
                status = int(line.split()[1])
        self.send_response(status)
        for line in head.decode().split("\r\n"):
            if line and not line.startswith("Status:"):
                self.send_header(*line.split(": ", 1))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def process_request(self, request, address):
        print("connection", flush=True)
        super().process_request(request, address)

    def finish_request(self, request, address):
        with context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, address)

    def handle_error(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
with Server(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
