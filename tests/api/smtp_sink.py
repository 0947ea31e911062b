# SPDX-License-Identifier: Apache-2.0
"""A mail server for tests: keeps what it gets, and misbehaves as the file DIR/mode says at each connection.

usage: smtp_sink.py PORT DIR
modes: accept   take every mail
       greylist 451 for the recipient (RFC 6647)
       reject   550 for the recipient
       hang     accept the connection and say nothing
       stall    stop answering after DATA
       drop     close in the middle of the message
Each mail becomes DIR/N.msg: MAIL and RCPT lines, an empty line, the message. DIR/log begins with "ready PORT" (PORT 0 takes a free one) and has one line for each connection.
"""
import os
import socket
import sys
import threading
import time

port, folder = int(sys.argv[1]), sys.argv[2]
lock = threading.Lock()
kept = 0


def mode():
    with open(os.path.join(folder, "mode"), encoding="ascii") as f:
        return f.read().strip()


def note(line):
    with lock, open(os.path.join(folder, "log"), "a", encoding="ascii") as f:
        f.write(line + "\n")


def keep(envelope, message):
    global kept
    with lock:
        kept += 1
        path = os.path.join(folder, "%d.msg" % kept)
    with open(path + ".part", "wb") as f:
        f.write("".join(line + "\n" for line in envelope).encode() + b"\n" + message)
    os.rename(path + ".part", path)


def data(reader, how, envelope, say):
    say("354 go on")
    if how == "drop":
        reader.readline()
        return False
    lines = []
    while True:
        line = reader.readline()
        if not line:
            return False
        if line == b".\r\n":
            break
        lines.append(line[1:] if line.startswith(b"..") else line)
    if how == "stall":
        time.sleep(600)
    keep(envelope, b"".join(lines))
    say("250 kept")
    return True


def serve(conn):
    how, envelope = mode(), []
    note(how)
    if how == "hang":
        time.sleep(600)
    reader = conn.makefile("rb")

    def say(text):
        conn.sendall(text.encode() + b"\r\n")

    say("220 sink.example ESMTP")
    for raw in iter(reader.readline, b""):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        verb = line[:4].upper()
        if verb == "EHLO":
            say("250-sink.example\r\n250-SMTPUTF8\r\n250 8BITMIME")
        elif verb == "RCPT" and how == "greylist":
            say("451 4.7.1 come back later")
        elif verb == "RCPT" and how == "reject":
            say("550 5.1.1 no such mailbox")
        elif verb in ("MAIL", "RCPT"):
            envelope.append(line)
            say("250 ok")
        elif verb == "DATA":
            if not data(reader, how, envelope, say):
                break
            envelope = []
        elif verb == "QUIT":
            say("221 bye")
            break
        else:
            say("250 ok")
    conn.shutdown(socket.SHUT_RDWR)


def guarded(conn):
    try:
        serve(conn)
    except OSError:
        pass
    finally:
        conn.close()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(50)
note("ready %d" % listener.getsockname()[1])
while True:
    threading.Thread(target=guarded, args=(listener.accept()[0],), daemon=True).start()
