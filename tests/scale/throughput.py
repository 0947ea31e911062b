# SPDX-License-Identifier: Apache-2.0
"""What a request costs with one, two and four nodes. One machine cannot saturate four nodes and their database honestly, so each node gets the same fixed
rate, well below what the machine can do, and what is compared is processor time: a node that needs as much of it beside three others as alone serves as
much. The rest is arithmetic, in tests/bench/README.md.

Environment: SCALE_SECONDS=5 of each measurement, SCALE_ROUNDS=3 of which the median counts, SCALE_RATE=100 requests a second and node.
"""
import glob
import os
import re
import statistics
import subprocess

from cluster import FRONT, Client, until

SECONDS, ROUNDS, RATE = (int(os.environ.get(name, preset)) for name, preset in (("SCALE_SECONDS", 5), ("SCALE_ROUNDS", 3), ("SCALE_RATE", 100)))
CLIENTS = 4
TARGET = 0.9


def load(addresses, path, headers):
    """The same rate at each address, side by side; how many were answered with 2xx, and how many were not."""
    words = ["h2load", "--h1", "-c", str(CLIENTS), "-t", "1", "-n", str(RATE * SECONDS), f"--rps={RATE / CLIENTS:g}", "-m", "1"]
    for header in headers:
        words += ["-H", header]
    running = [subprocess.Popen([*words, f"http://{address}{path}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for address in addresses]
    good = wanted = 0
    for one in running:
        said = one.communicate()[0]
        found = re.search(r"status codes: (\d+) 2xx", said)
        good += int(found.group(1)) if found else 0
        wanted += RATE * SECONDS
    return good, wanted - good


def spent(pids):
    """Processor seconds of their threads, by the scheduler's own count, which is finer than ticks."""
    total = 0
    for pid in pids:
        for name in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            try:
                with open(name, encoding="utf-8") as file:
                    total += int(file.read().split()[0])
            except (OSError, IndexError):
                pass
    return total / 1e9


def database_pids(cluster):
    found = [cluster.database.pid]
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == cluster.database.pid:
                    found.append(int(name))
        except (OSError, ValueError):
            pass
    return found


def microseconds(cluster, nodes, through, path, headers):
    """Processor time of one request: of the nodes, of PostgreSQL, of the front; and what failed."""
    servers = [node.pids() for node in nodes]
    database, front = database_pids(cluster), cluster.front.pids()
    before = [sum(spent(pids) for pids in servers), spent(database), spent(front)]
    good, bad = load([FRONT] * len(nodes) if through else [node.address for node in nodes], path, headers)
    after = [sum(spent(pids) for pids in servers), spent(database), spent(front)]
    return [1e6 * (b - a) / max(good, 1) for a, b in zip(before, after)], bad


def measure(cluster):
    cluster.start()
    token = cluster.person("reader", role="instructor")["access_token"]
    for number in range(100):
        Client(cluster.nodes[0].address).post("/api/v1/courses", {"title": f"Course {number}", "description": "words " * 40}, token)
    course = Client(cluster.nodes[0].address).get("/api/v1/courses?limit=1").json[0]["id"]
    bearer = f"Authorization: Bearer {token}"
    kinds = (("a course, from memory", f"/api/v1/courses/{course}", []), ("/auth/me, one statement", "/api/v1/auth/me", [bearer]),
             ("20 courses, uncached", "/api/v1/courses?limit=20", [bearer]))
    print(f"scale: {os.cpu_count()} processors, load before: {os.getloadavg()[0]:.2f}; {RATE} requests a second and node, the median of {ROUNDS} x {SECONDS} s\n")
    found, failed = {}, 0
    for size in (4, 2, 1):
        for node in cluster.nodes[size:]:
            node.end()
        nodes = cluster.nodes[:size]
        if not until(30, lambda: all(cluster.front.takes(node) == (node in nodes) for node in cluster.nodes)):
            raise RuntimeError("the front did not notice")
        for through in (False, True):
            for name, path, headers in kinds:
                microseconds(cluster, nodes, through, path, headers)  # warm
                rounds = [microseconds(cluster, nodes, through, path, headers) for _ in range(ROUNDS)]
                failed += sum(bad for _, bad in rounds)
                found[name, through, size] = [statistics.median(one[i] for one, _ in rounds) for i in range(3)]
    report(kinds, found)
    print(f"\nfailed requests: {failed}; load after: {os.getloadavg()[0]:.2f}")


def report(kinds, found):
    print("| request | nodes | node, µs | PostgreSQL, µs | the same through the front: node, µs | front, µs | per node, against one | target | met |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|---|")
    for name, _, _ in kinds:
        for size in (1, 2, 4):
            node, database, _ = found[name, False, size]
            node_through, _, front = found[name, True, size]
            ratio = found[name, False, 1][0] / max(node, 1e-9)
            print(f"| {name} | {size} | {node:.0f} | {database:.0f} | {node_through:.0f} | {front:.0f} | {ratio:.2f} | ≥ {TARGET:.2f} | "
                  f"{'yes' if ratio >= TARGET else '**no**'} |")
    print("\n| request | a node's core | PostgreSQL's core | the front's core | nodes' cores for one of PostgreSQL's | and for one of the front's |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, _, _ in kinds:
        node, database, _ = found[name, False, 4]
        node_through, _, front = found[name, True, 4]
        print(f"| {name} | {rate(node)} | {rate(database)} | {rate(front)} | {share(node, database)} | {share(node_through, front)} |")


def rate(cost):
    """Requests a second of one core that does nothing else."""
    return f"{1e6 / cost:.0f}/s" if cost >= 1 else "any"


def share(node, other):
    return f"{node / other:.1f}" if other >= 1 else "any"
