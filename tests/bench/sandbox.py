# SPDX-License-Identifier: Apache-2.0
# Figures of the sandbox, beside the bare interpreter in the same run. It speaks to a forge-runner of its own over its socket.
# usage: sandbox.py figures BUILDDIR | sandbox.py hostile BUILDDIR FOLDER   (environment: BENCH_RUNS)
# "hostile" keeps 8 hostile programs of FOLDER running as far as there are places, and 200 waiting, until it is killed; it says "ready" first.
import os
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

RUNS = int(os.environ.get("BENCH_RUNS", "100"))
PAUSE = 0.1  # between two single runs: time to build one ahead, as between two people
BARE = ["/usr/bin/python3", "-I", "-S", "-c", "pass"]
PYTHON = os.path.realpath(BARE[0])
READS = [PYTHON, "/usr/lib/" + os.path.basename(PYTHON), "/usr/lib64", "/usr/lib/" + os.uname().machine + "-linux-gnu"]
# bubblewrap by itself, with the namespaces and much of the view of files that forge-runner asks of it, and nothing around it.
BUBBLEWRAP = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--die-with-parent", "--as-pid-1",
              "--cap-drop", "ALL", "--clearenv", "--disable-userns", *(word for path in READS for word in ("--ro-bind-try", path, path)),
              "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--dev-bind", "/dev/null", "/dev/null",
              "--dev-bind", "/dev/urandom", "/dev/urandom", "--remount-ro", "/", "--chdir", "/", "--", PYTHON, *BARE[1:]]
HOSTILE = ["spinner", "spinning_threads", "thread_bomb", "memory_small", "disk_fill", "flood_stdout", "ignores_signals", "memory_bytes"]


def member(tag, data):
    return struct.pack(">BI", tag, len(data)) + data


# The limits are those of FORGE_RUN_DEFAULTS, but so many kilobytes of memory less.
def frame(code, account, less=0):
    numbers = (account, 0, 10000, 5000, (128 << 10) - less, 64, 64 << 10, 10 << 20)
    body = member(1, b"python") + member(2, code) + member(3, b"") + member(4, b"")
    body += b"".join(member(5 + i, struct.pack(">q", n)) for i, n in enumerate(numbers))
    return b"FRG1" + struct.pack(">II", 1, len(body)) + body


class Runner:
    def __init__(self, build, warm):
        self.folder = tempfile.TemporaryDirectory(prefix="forge-bench-")
        os.chmod(self.folder.name, 0o755)
        self.path = self.folder.name + "/socket"
        user = ["--user", "nobody"] if os.getuid() == 0 else []
        self.log = open(self.folder.name + "/log", "w+")
        self.process = subprocess.Popen([build + "/forge-runner", "--init", build + "/forge-init", "--socket", self.path,
                                         "--share", "1000"] + warm + user, stderr=self.log)
        deadline = time.monotonic() + 60
        while "ready" not in open(self.log.name).read():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("forge-runner is not ready: " + open(self.log.name).read())
            time.sleep(0.05)
        self.less = 0
        time.sleep(1.5)  # for what is built ahead

    def send(self, code, account=1, less=0):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.path)
        s.sendall(frame(code, account, less))
        return s

    # The status of a run, by its number.
    def take(self, s):
        data = b""
        while True:
            more = s.recv(65536)
            if not more:
                break
            data += more
        s.close()
        return struct.unpack(">q", data[17:25])[0] if len(data) >= 25 else -1

    def run(self, code=b"pass", less=0):
        if self.take(self.send(code, less=less)) != 0:
            sys.exit("a run failed: " + open(self.log.name).read())

    # With limits that no job had before.
    def run_otherwise(self):
        self.less += 1
        self.run(less=self.less)

    # Its own memory, and with that of all below it; pages that are shared count once.
    def memory_kb(self):
        sizes, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            try:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    sizes.append(next(int(line.split()[1]) for line in f if line.startswith("Pss:")))
                with open(f"/proc/{pid}/task/{pid}/children") as f:
                    todo += map(int, f.read().split())
            except OSError:  # it has just ended
                pass
        return sizes[0], sum(sizes)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def took(call):
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


# Medians of single runs, of the bare interpreter, and of what else is given, in turns.
def singles(run, *others):
    calls = [run, *(lambda command=command: subprocess.run(command, check=True) for command in (BARE, *others))]
    times = [[] for _ in calls]
    for _ in range(RUNS):
        for call, row_of in zip(calls, times):
            row_of.append(took(call))
        time.sleep(PAUSE)
    return [statistics.median(row_of) for row_of in times]


def row(what, figure, against="", ratio="", target="", met=""):
    print(f"| {what} | {figure} | {against} | {ratio} | {target} | {met} |", flush=True)


def compared(what, ours, bare, most):
    row(what, f"{ours:.1f} ms", f"bare {bare:.1f} ms", f"{ours / bare:.2f}", f"≤ {most:.2f}", "yes" if ours / bare <= most else "**no**")


def at_once(runner, n):
    waiting = [runner.send(b"pass") for _ in range(n)]
    for s in waiting:
        if runner.take(s) != 0:
            sys.exit("a run failed")


def figures(build):
    cold = Runner(build, ["--warm", "0"])
    ours, bare, alone = singles(cold.run, BUBBLEWRAP)
    compared("one run, nothing built ahead", ours, bare, 1.5)
    row("bubblewrap alone, nothing around it", f"{alone:.1f} ms", f"bare {bare:.1f} ms", f"{alone / bare:.2f}")
    one = statistics.median(took(lambda: [cold.run() for _ in range(10)]) for _ in range(5))
    ten = statistics.median(took(lambda: at_once(cold, 10)) for _ in range(5))
    row("10 runs handed over at once, as a submission does", f"{ten:.0f} ms", f"10 one after another {one:.0f} ms", f"{ten / one:.2f}")
    row("runs per second", f"{1000 * RUNS / took(lambda: at_once(cold, RUNS)):.0f}", f"{RUNS} at once")
    row("memory of forge-runner, idle", f"{cold.memory_kb()[0]} KB")
    cold.stop()
    ahead = Runner(build, [])
    compared("one run, in a sandbox built ahead", *singles(ahead.run_otherwise), 1.5)
    compared("one run, its interpreter started ahead", *singles(ahead.run), 1.1)
    time.sleep(1.5)
    row("memory of forge-runner and of all that it has built ahead", f"{ahead.memory_kb()[1]} KB")
    ahead.stop()


def hostile(build, folder):
    runner = Runner(build, [])
    prelude = open(folder + "/prelude.py", "rb").read()
    programs = [prelude + open(f"{folder}/{name}.py", "rb").read() for name in HOSTILE]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    waiting, sent = [], 0
    try:
        while True:
            while len(waiting) < 208:
                waiting.append(runner.send(programs[sent % len(programs)], sent % 16 + 1))
                sent += 1
                if sent == 208:
                    print("ready", flush=True)
            done, _, _ = select.select(waiting, [], [])
            for s in done:
                runner.take(s)
                waiting.remove(s)
    finally:
        runner.stop()


if len(sys.argv) >= 3 and sys.argv[1] == "figures":
    figures(sys.argv[2])
elif len(sys.argv) == 4 and sys.argv[1] == "hostile":
    hostile(sys.argv[2], sys.argv[3])
else:
    sys.exit("usage: sandbox.py figures BUILDDIR | sandbox.py hostile BUILDDIR FOLDER")
