# SPDX-License-Identifier: Apache-2.0
"""Asks on a terminal without echo: terminal.py HOW PROGRAM ARGUMENT... Once the echo is off, HOW (the name of a signal, or key for ^C) comes; afterwards the
terminal must have its echo back. A program that was stopped is continued and must ask without echo again. Exit code 0: all is so."""
import os
import pty
import signal
import subprocess
import sys
import termios
import time

how, command = sys.argv[1], sys.argv[2:]


def echo():
    return bool(termios.tcgetattr(0)[3] & termios.ECHO)


def in_front():
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpid())
    for each in (signal.SIGTTOU, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(each, signal.SIG_DFL)


def silent(program):
    while echo():
        if program.poll() is not None:
            return False
        time.sleep(0.01)
    return True


def stopped(program):
    """Whether it gives the echo back while it is stopped, and takes it again."""
    os.waitpid(program.pid, os.WUNTRACED)
    good = echo()
    program.send_signal(signal.SIGCONT)
    good = silent(program) and good
    program.send_signal(signal.SIGTERM)
    return good


def inside():
    """The session of the terminal. It outlives the program, so that the terminal can be looked at."""
    program = subprocess.Popen(command, preexec_fn=in_front)
    if not silent(program):
        return False
    if how == "key":
        os.write(1, b"now\n")
    else:
        program.send_signal(getattr(signal, "SIG" + how))
    good = how != "TSTP" or stopped(program)
    return program.wait() < 0 and echo() and good


pid, terminal = pty.fork()
if pid == 0:
    os._exit(0 if inside() else 1)
said = b""
try:
    while more := os.read(terminal, 4096):
        if b"now" in more:
            os.write(terminal, b"\x03")
        said += more
except OSError:  # the other end is closed
    pass
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if code:
    print(said.decode(errors="replace"))
sys.exit(code)
