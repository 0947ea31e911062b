# SPDX-License-Identifier: Apache-2.0
"""Runs the checks of the cluster, or measures it. The first process of its namespaces: when it ends everything in them does."""
import os
import signal
import subprocess
import sys
import time
import traceback

import checks
import throughput
from cluster import Client, Cluster, until

LONGEST = {"short": 300, "long": 1800, "bench": 1800}


class Run:
    def __init__(self, cluster, mode):
        self.cluster, self.mode, self.faults, self.passed, self.runs = cluster, mode, 0, 0, None

    def tries(self, short, long):
        return long if self.mode == "long" else short

    def check(self, good, what, seen=""):
        self.passed += bool(good)
        self.faults += not good
        print(f"{'ok' if good else 'not ok'} {what}" + (f" ({seen})" if seen else ""), flush=True)
        return good

    def sandbox(self):
        """Whether programs can be run here. Asked once."""
        def well(node):
            return (Client(node.address).get("/health").json or {}).get("checks", {}).get("sandbox", {}).get("status") == "pass"
        if self.runs is None:
            self.runs = bool(until(30, lambda: all(well(node) for node in self.cluster.nodes)))
            plain = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
            if not self.runs and subprocess.run(plain, user="www-data", stderr=subprocess.DEVNULL, check=False).returncode == 0:
                self.check(False, "programs are run where bubblewrap can", "see the error logs for what forge-runner misses")
            elif not self.runs:
                print("# not run: jobs of the sandbox, and streams of them: this machine has no working sandbox", flush=True)
        return self.runs

    def mended(self):
        """All nodes serve, and the front takes all of them."""
        c = self.cluster
        if not until(60, lambda: all(node.ready() and c.front.takes(node) for node in c.nodes)):
            raise RuntimeError(f"not all nodes serve: {c.front.states()}")

    def all(self):
        for check in (checks.leader, checks.revocation, checks.limits, checks.coherence, checks.wanderer, checks.jobs, checks.rejudged, checks.rolling, checks.cut,
                      checks.killed, checks.leader):
            begun = time.monotonic()
            try:
                check(self)
            except Exception:  # pylint: disable=broad-except
                self.check(False, check.__name__, traceback.format_exc())
            print(f"# {check.__name__}: {time.monotonic() - begun:.1f} s", flush=True)


def crashes(run):
    """No process of any node may have ended by a signal that nobody here has sent."""
    for server in run.cluster.nodes + [run.cluster.front]:
        with open(server.path("logs/error.log"), encoding="utf-8", errors="replace") as file:
            said = [line for line in file if "exit signal" in line and "Killed" not in line]
        run.check(not said, f"no process of {server.name} has crashed", "".join(said[:3]))


def main():
    build, mode = sys.argv[1], sys.argv[2]
    if mode not in LONGEST:
        sys.exit("usage: run BUILDDIR [short|long|bench]")

    def too_long(*_):
        raise TimeoutError(f"longer than {LONGEST[mode]} s")

    def ended(number, _):
        raise KeyboardInterrupt(f"signal {number}")
    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGHUP, ended)
    signal.alarm(LONGEST[mode])
    begun = time.monotonic()
    cluster = Cluster(build, 4 if mode != "short" else 2)
    run = Run(cluster, mode)
    try:
        if mode == "bench":
            throughput.measure(cluster)
        else:
            cluster.start()
            print(f"# {cluster.size} nodes serve after {time.monotonic() - begun:.1f} s", flush=True)
            run.all()
            crashes(run)
    except (Exception, KeyboardInterrupt):  # pylint: disable=broad-except
        run.check(False, "the cluster", traceback.format_exc())
    finally:
        signal.alarm(0)
        if run.faults:
            where = os.path.join(build, "scale-logs")
            cluster.keep_logs(where)
            print(f"# logs: {where}")
        cluster.stop()
    print(f"scale: {run.passed} held, {run.faults} not, {time.monotonic() - begun:.1f} s", flush=True)
    sys.exit(1 if run.faults else 0)


main()
