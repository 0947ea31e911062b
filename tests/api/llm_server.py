# SPDX-License-Identifier: Apache-2.0
"""An OpenAI-compatible server for tests: answers from the passages that it is given, and misbehaves as the file DIR/mode
says at each request.

usage: llm_server.py PORT DIR
modes: good     say the first words of the first passage, and name it
       none     say that there is no answer
       foreign  name a passage that is not there
       mixed    name one that is there and one that is not
       bare     name no passage
       echo     repeat the last message, as a model does that obeys a document
       error    500
       refuse   401, with the key in the text
       rubbish  200 with something else than JSON
       empty    200 with JSON that is no answer
       stall    say nothing
       cut      break off in the middle of the answer
       silent   good, without any count of tokens
DIR/requests has one line of JSON for each request: path, authorization, body. Vectors count words of a few themes, so that
texts about the same are near to each other.
"""
import http.server
import json
import os
import re
import sys
import threading
import time

port, folder = int(sys.argv[1]), sys.argv[2]
lock = threading.Lock()
THEMES = (("car", "vehicle", "automobile"), ("apple", "fruit", "pear"), ("king", "monarch", "crown"), ("rain", "storm", "weather"))


def mode():
    with open(os.path.join(folder, "mode"), encoding="ascii") as f:
        return f.read().strip()


def vector(text):
    words = re.findall("[a-z]+", text.lower())
    return [0.001 + sum(words.count(word) for word in theme) for theme in THEMES]


def passage(user, number):
    mark = user.split(" passage ")[0].splitlines()[-1]
    return user.split("%s passage %d" % (mark, number))[1].split("\n", 1)[1].split(mark)[0].strip()


def answer(how, user):
    if how == "none":
        return "NO_ANSWER"
    if how == "echo":
        return user
    said = " ".join(passage(user, 1).split()[:8])
    cited = {"foreign": "[9]", "mixed": "[9][1]", "bare": ""}.get(how, "[1]")
    return "It says: %s %s" % (said, cited)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def say(self, status, body, media="application/json"):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, how, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        pieces = re.findall(r"\S+\s*", text)
        for piece in pieces[: len(pieces) // 2] if how == "cut" else pieces:
            self.event({"choices": [{"index": 0, "delta": {"content": piece}}]})
            time.sleep(0.02)
        if how == "cut":
            return
        if how != "silent":
            self.event({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}})
        self.wfile.write(b": that was all\n\ndata: [DONE]\n\n")

    def event(self, piece):
        self.wfile.write(b"data: " + json.dumps(piece).encode() + b"\r\n\r\n")
        self.wfile.flush()

    def embeddings(self, body):
        data = [{"index": i, "embedding": vector(text)} for i, text in enumerate(body["input"])]
        self.say(200, json.dumps({"data": data, "usage": {"prompt_tokens": 5, "total_tokens": 5}}))

    def chat(self, how, body):
        text = answer(how, body["messages"][-1]["content"])
        if body.get("stream"):
            return self.stream(how, text)
        whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}
        if how != "silent":
            whole["usage"] = {"prompt_tokens": 100, "completion_tokens": 10}
        said = json.dumps(whole)
        if how == "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said[: len(said) // 2].encode())
            self.close_connection = True
            return None
        return self.say(200, said)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "")
        how = mode()
        with lock, open(os.path.join(folder, "requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps({"path": self.path, "authorization": key, "body": body}) + "\n")
        if how == "stall":
            time.sleep(600)
        if how == "error":
            return self.say(500, '{"error":"out of order"}')
        if how == "refuse":
            return self.say(401, json.dumps({"error": {"message": "wrong key: " + key}}))
        if how == "rubbish":
            return self.say(200, "<html>welcome</html>", "text/html")
        if how == "empty":
            return self.say(200, '{"choices":[]}')
        return self.embeddings(body) if self.path.endswith("/embeddings") else self.chat(how, body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *unused):
        pass


server = Server(("127.0.0.1", port), Handler)
with open(os.path.join(folder, "ready"), "w", encoding="ascii") as ready:
    ready.write("ready")
server.serve_forever()
