# SPDX-License-Identifier: Apache-2.0
"""What must be true of all nodes together. Each check drives the cluster and says what it saw.

Promises about time are judged by the clock of this one process, and so that a slow machine cannot break them: an answer is judged by when its request was
sent. Who was let in by a request that was sent more than a second after the end of the session was let in against the promise, however busy the machine is.
"""
import base64
import hashlib
import hmac
import os
import re
import socket
import struct
import threading
import time
import uuid

from cluster import FRONT, PASSWORD, TOP, Client, until

PROMISE = 1.0  # seconds until the other nodes know
BACK = 5.0     # seconds until a node that was cut off serves again


def in_threads(work, many):
    """Calls work(one) for each of many, side by side; a failure of one is a failure of all."""
    failures = []

    def guarded(one):
        try:
            work(one)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)
    threads = [threading.Thread(target=guarded, args=(one,), daemon=True) for one in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def name_of(prefix):
    return prefix + uuid.uuid4().hex[:10]


# --- a. sessions end everywhere ---

def revocation(run):
    c, tries = run.cluster, run.tries(8, 60)
    person = name_of("ended")
    c.person(person)
    late, refused = [], []
    for number in range(tries):
        home = number % c.size
        token = c.login(person, home)["access_token"]
        for node in c.nodes:
            if Client(node.address).get("/api/v1/auth/me", token).status != 200:
                raise RuntimeError(f"{node.name} does not know the new session")
        accepted, ended = {}, {}

        def ask(node, token=token, accepted=accepted, ended=ended):
            client, end = Client(node.address), time.monotonic() + 20
            while time.monotonic() < end:
                sent = time.monotonic()
                status = client.get("/api/v1/auth/me", token).status
                if status == 200:
                    accepted[node.name] = sent
                elif status == 401:
                    ended[node.name] = time.monotonic()
                    return
        askers = [threading.Thread(target=ask, args=(node,), daemon=True) for node in c.nodes if node.number != home + 1]
        for asker in askers:
            asker.start()
        answer = Client(c.nodes[home].address).post("/api/v1/auth/logout", token=token)
        done = time.monotonic()
        at_home = Client(c.nodes[home].address).get("/api/v1/auth/me", token).status
        for asker in askers:
            asker.join()
        if answer.status != 204 or at_home != 401 or len(ended) != c.size - 1:
            run.check(False, "a session that has ended is refused by every node", f"logout {answer.status}, then {at_home}; refused by {sorted(ended)}")
            return
        late += [sent - done for sent in accepted.values()]
        refused += [when - done for when in ended.values()]
    worst = max(late + [0])
    run.check(worst <= PROMISE, f"a session that has ended is refused by every other node within a second, {tries} times",
              f"the latest request that was let in was sent {worst * 1000:.0f} ms after the logout; the last node refused after {max(refused) * 1000:.0f} ms")


# --- b. limits ---

def limits(run):
    """40 an hour: of all nodes together with Redis, of each node without. An answer of Redis that came late is decided by a node alone, so that the sum is exact
    only where there was none; the machine may be busy, so there are three tries."""
    c, many = run.cluster, 40
    wanted = many if c.shared else many * c.size

    def alone():
        return sum(sum(value for name, value in node.metrics().items() if name.startswith("forge_redis_fallbacks_total")) for node in c.nodes)
    for number in range(3):
        statuses, before = [], alone()
        source = f"192.0.2.{number + 10}"

        def ask(number, statuses=statuses, source=source):
            client = Client(c.nodes[number % c.size].address, source=source)
            for _ in range(many * 3 // 4):
                statuses.append(client.get("/api/v1/achievements").status)
        in_threads(ask, range(c.size * 4))
        if alone() == before:
            break
    took, other = statuses.count(200), [status for status in statuses if status not in (200, 429)]
    run.check(took == wanted and not other and alone() == before, f"{many} requests of {len(statuses)} are let through by " + ("all nodes together" if c.shared else "each node"),
              f"{took}, and {other}")
    after = {Client(node.address, source="192.0.2.9").get("/api/v1/achievements").status for node in c.nodes}
    run.check(after == {200}, "another client is not limited by that", str(after))


# --- c. jobs and what one node does ---

def jobs(run):
    """Each account that registers gets one mail, whichever node it came to and whichever sends it."""
    c, many = run.cluster, run.tries(60, 400)
    people = [name_of("mail") for _ in range(many)]

    def register(number):
        for person in people[number::8]:
            c.person(person, node=number % c.size)
    in_threads(register, range(8))
    wanted = {f"{person}@example.org" for person in people}
    until(60, lambda: wanted <= set(c.mail.mails))
    time.sleep(2)  # one that is sent twice comes a moment later
    counts = [c.mail.mails.get(address, 0) for address in wanted]
    left = c.sql("SELECT count(*) FROM forge.mail_outbox")
    run.check(counts == [1] * many and left == "0", f"{many} mails are sent once each", f"{counts.count(0)} never, {sum(count > 1 for count in counts)} more than once, {left} left")


def exercise_of(c, author):
    """An exercise whose submissions are to be judged again, and a table that says how often each was."""
    c.sql("CREATE TABLE IF NOT EXISTS public.judged (id bigint, worker text); GRANT ALL ON public.judged TO forge_app;"
          "CREATE OR REPLACE FUNCTION public.count_judged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
          " INSERT INTO public.judged SELECT NEW.id, max(j.worker) FROM forge.jobs j WHERE j.kind = 'rejudge' AND j.status = 'running' AND j.key = NEW.exercise_id::text;"
          " RETURN NEW; END $$;"
          "DROP TRIGGER IF EXISTS count_judged ON forge.exercise_submissions;"
          "CREATE TRIGGER count_judged AFTER UPDATE OF judged_at ON forge.exercise_submissions FOR EACH ROW WHEN (NEW.judged_at IS DISTINCT FROM OLD.judged_at)"
          " EXECUTE FUNCTION public.count_judged()")
    return int(c.sql("INSERT INTO forge.exercises (author_id, title, tests) SELECT id, 'Say', '[{\"name\":\"t\",\"stdin\":\"\",\"expected_stdout\":\"1\",\"hidden\":false,"
                     f"\"points\":1}}]' FROM forge.users WHERE username = '{author}' RETURNING id").split("\n")[0])


def hand_in(c, author, exercise, many, seconds):
    c.sql(f"INSERT INTO forge.exercise_submissions (exercise_id, user_id, code) SELECT {exercise}, u.id, 'import time; time.sleep({seconds}); print(1)'"
          f" FROM forge.users u, generate_series(1, {many}) WHERE u.username = '{author}'")


def rejudged(run):
    """Jobs over all nodes: each submission is judged once."""
    c = run.cluster
    if not run.sandbox():
        return
    many, each = run.tries(4, 12), run.tries(5, 10)
    author = name_of("author")
    token = c.person(author, role="instructor")["access_token"]
    exercises = [exercise_of(c, author) for _ in range(many)]
    places = []
    for number, exercise in enumerate(exercises):
        hand_in(c, author, exercise, each, 0.02)
        places.append(Client(c.nodes[number % c.size].address).post(f"/api/v1/exercises/{exercise}/rejudge", {}, token).headers.get("Location"))
    done = until(90, lambda: all(Client(c.nodes[0].address).get(place, token).json["status"] == "done" for place in places), 0.3)
    numbers = ",".join(map(str, exercises))
    judged = c.sql(f"SELECT count(*), count(DISTINCT j.id) FROM public.judged j JOIN forge.exercise_submissions s ON s.id = j.id WHERE s.exercise_id IN ({numbers})")
    attempts = c.sql("SELECT max(attempts) FROM forge.jobs WHERE kind = 'rejudge' AND created_at > now() - interval '3 minutes'")
    run.check(done and judged == f"{many * each}|{many * each}" and attempts == "1", f"{many} jobs of {each} programs are done once each, over all nodes",
              f"judged {judged}, attempts {attempts}")


def killed(run):
    """A node that dies in the middle of a job: another one does it when its leases are over (8 s, and 15 s for the mail itself)."""
    c = run.cluster
    run.mended()
    c.mail.stalled.clear()
    c.mail.stalls.set()
    person = name_of("killed")
    c.person(person, node=c.size - 1)
    if not until(20, c.mail.stalled.is_set):
        c.mail.stalls.clear()
        run.check(False, "a mail is being sent when its node dies", "nobody sends it")
        return
    row = c.sql("SELECT worker || '|' || lease_until FROM forge.jobs WHERE kind = 'mail' AND status = 'running' ORDER BY id DESC LIMIT 1")
    worker = row.split("|", maxsplit=1)[0]
    node = next(node for node in c.nodes if worker.startswith(node.name + ":"))
    led = node.leads() == 1
    with Load(run, 6) as load:
        time.sleep(0.5)
        died = time.monotonic()
        node.kill()
        c.mail.stalls.clear()
        time.sleep(3)
    run.check(len(load.failures) <= len(load.threads), "of six clients of the front each loses at most the request that the node was answering",
              f"{load.counts}, {load.failures}")
    came = until(60, lambda: c.mail.mails.get(f"{person}@example.org"))
    took = time.monotonic() - died
    time.sleep(1)
    count = c.mail.mails.get(f"{person}@example.org", 0)
    who = c.sql("SELECT string_agg(DISTINCT worker, ' ') FROM forge.jobs WHERE kind = 'mail' AND status = 'done' AND finished_at > now() - interval '3 seconds'")
    run.check(came and count == 1 and node.name + ":" not in who, "a job of a node that was killed is done by another one, once", f"{count} mails, after {took:.1f} s, by {who}; it led: {led}")
    others = [other for other in c.nodes if other is not node]
    one = until(20, lambda: sum(other.leads() or 0 for other in others) == 1)
    run.check(one, "one of the others does what one node does", f"{[other.leads() for other in others]}")
    node.start()
    run.check(until(60, node.ready), "the node comes back", node.name)


def leader(run):
    """Housekeeping and the like: always one node, another one when that goes."""
    c = run.cluster
    run.mended()
    one = until(20, lambda: [node.leads() for node in c.nodes].count(1) == 1)
    sums = [sum(node.leads() or 0 for node in c.nodes) for _ in range(8)]
    held = c.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1")
    listening = int(c.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'forge events'"))
    run.check(one and set(sums) == {1} and held == "1", "one node does what one node does for all", f"seen {len(sums)} times: {set(sums)}; {held} lock")
    run.check(listening == c.size, "one process of each node listens to the database", str(listening))


# --- d. a rolling restart ---

class Load:
    """Clients that read and write through the front without a pause, each with a connection it keeps. Nothing is tried again: what fails has failed."""

    def __init__(self, run, clients):
        self.run, self.stop, self.lock = run, threading.Event(), threading.Lock()
        self.counts, self.failures, self.slowest = {}, [], 0
        self.person, self.guest = name_of("load"), name_of("logs_in")
        run.cluster.person(self.guest)
        self.token = run.cluster.person(self.person, role="instructor")["access_token"]
        self.course = Client(FRONT).post("/api/v1/courses", {"title": "Load"}, self.token).json["id"]
        self.threads = [threading.Thread(target=self.work, args=(number,), daemon=True) for number in range(clients)]

    def work(self, number):
        client, n = Client(FRONT, 30), number
        asks = (lambda: client.get("/api/v1/courses?limit=5"), lambda: client.get("/api/v1/auth/me", self.token), lambda: client.get(f"/api/v1/courses/{self.course}"),
                lambda: client.post("/api/v1/courses", {"title": f"Course {number}-{n}", "status": "draft"}, self.token),
                lambda: client.call("PATCH", f"/api/v1/courses/{self.course}", self.token, {"description": f"{n}"}),
                lambda: client.post("/api/v1/auth/login", {"username": self.guest, "password": PASSWORD}))
        while not self.stop.is_set():
            begun = time.monotonic()
            answer = asks[n % len(asks)]()
            took = time.monotonic() - begun
            n += 1
            with self.lock:
                self.counts[answer.status] = self.counts.get(answer.status, 0) + 1
                self.slowest = max(self.slowest, took)
                if answer.status not in (200, 201):
                    self.failures.append(f"{answer.status} {answer.code or getattr(client, 'why', '')} after {took:.2f} s")
            time.sleep(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def restart(run, node):
    """What an operator does: drain, stop when the front has heard, start, and back."""
    front = run.cluster.front
    node.drain(True)
    if not until(30, lambda: not front.takes(node)):
        raise RuntimeError(f"the front goes on with {node.name}, which drains: {front.states()}")
    time.sleep(1)
    node.end(28)  # SIGWINCH: graceful-stop
    node.start()
    node.drain(False)
    if not until(60, lambda: node.ready() and front.takes(node)):
        raise RuntimeError(f"the front does not take {node.name} back: {front.states()}")


def rolling(run):
    c, rounds = run.cluster, run.tries(1, 3)
    run.mended()
    with Load(run, 6) as load:
        for _ in range(rounds):
            for node in c.nodes:
                restart(run, node)
        time.sleep(1)
    made = load.counts.get(201, 0)
    stored = int(c.sql(f"SELECT count(*) FROM forge.courses c JOIN forge.users u ON u.id = c.instructor_id WHERE u.username = '{load.person}'")) - 1
    run.check(not load.failures and made == stored, f"all nodes are restarted {rounds} time(s) under load, and no request fails",
              f"{load.counts}, the slowest took {load.slowest:.2f} s, {stored} of {made} courses stored; {load.failures[:5]}")


# --- e. a node that is cut off ---

def cut_from_database(run):
    c = run.cluster
    run.mended()
    away, home = c.nodes[-1], c.nodes[0]
    led = away.leads() == 1
    person, other = name_of("cut"), name_of("stays")
    owner = c.person(other, role="instructor")["access_token"]
    token = c.person(person)["access_token"]
    course = Client(home.address).post("/api/v1/courses", {"title": "0"}, owner).json["id"]
    for node in c.nodes:
        Client(node.address).get(f"/api/v1/courses/{course}")
        Client(node.address).get("/api/v1/auth/me", token)
    seen, stale, wrong, away_until = {}, [], [], [0]
    stop, ended = threading.Event(), [None]
    versions = [(time.monotonic(), 0)]  # (answered, number) of what home has written

    def ask(_):
        client = Client(away.address, 10)
        while not stop.is_set():
            for path, bearer in (("/api/v1/auth/me", token), (f"/api/v1/courses/{course}", None), ("/api/v1/auth/me", owner)):
                sent = time.monotonic()
                answer = client.get(path, bearer)
                seen[answer.status] = seen.get(answer.status, 0) + 1
                if answer.status == 503:
                    away_until[0] = max(away_until[0], sent)
                if bearer == token and answer.status == 200 and ended[0] and sent - ended[0] > PROMISE:
                    wrong.append(f"let in {sent - ended[0]:.2f} s after the logout")
                if not bearer and answer.status == 200:
                    least = max([number for when, number in versions if when < sent - PROMISE] + [0])
                    if int(answer.json["title"]) < least:
                        stale.append(f"{answer.json['title']} instead of {least}")
                if answer.status not in (200, 401, 503) or (answer.status == 401 and (bearer == owner or not ended[0])):
                    wrong.append(f"{answer.status} {answer.code or getattr(client, 'why', '')}")
            time.sleep(0.02)
    askers = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(2)]
    for asker in askers:
        asker.start()
    time.sleep(0.5)
    away.cut("data")
    begun = time.monotonic()
    out = Client(home.address).post("/api/v1/auth/logout", token=token).status
    ended[0] = time.monotonic()
    number = 0
    while time.monotonic() - begun < run.tries(5, 20):
        number += 1
        answer = Client(home.address).call("PATCH", f"/api/v1/courses/{course}", owner, {"title": str(number)})
        if answer.status == 200:
            versions.append((time.monotonic(), number))
        time.sleep(0.2)
    health = Client(away.address, 10).get("/health/ready").status
    taken = c.front.takes(away)
    one = until(15, lambda: sum(node.leads() or 0 for node in c.nodes if node is not away))
    away.cut("data", False)
    back = time.monotonic()
    good = until(60, lambda: Client(away.address, 5).get("/api/v1/auth/me", owner).status == 200 and away.ready(), 0.02)
    until(30, lambda: time.monotonic() > max(back, away_until[0]) + 2)  # each of its children, each kind of request
    took = max(time.monotonic() - back - 2 if not away_until[0] else away_until[0] - back, 0)
    refused = Client(away.address).get("/api/v1/auth/me", token).status
    title = Client(away.address).get(f"/api/v1/courses/{course}").json["title"]
    stop.set()
    for asker in askers:
        asker.join()
    run.check(out == 204 and not wrong and 503 in seen, "a node that is cut off from the database answers 503 or right, and lets nobody in whose session has ended", f"{seen}; {wrong[:5]}")
    run.check(not stale, "it gives no answer that is more than a second old", str(stale[:5]))
    run.check(health == 503 and not taken, "it says that it is not ready, and the front sends it nothing", f"{health}, {c.front.states()}")
    run.check(one == 1, "one of the others does what one node does", f"{one}; it did before: {led}")
    run.check(good and refused == 401 and title == str(number), "it comes back by itself, knows who has left and what was written", f"{refused}, {title} of {number}")
    return took


def cut_from_clients(run):
    """Nothing is lost but what the node was answering: the front passes it over, and takes it back."""
    c = run.cluster
    run.mended()
    away = c.nodes[-1]
    token = c.person(name_of("through"))["access_token"]
    away.cut("clients")
    noticed = until(100, lambda: not c.front.takes(away), 0.1)
    states = [Client(FRONT).get("/api/v1/auth/me", token).status for _ in range(30)]
    away.cut("clients", False)
    back = time.monotonic()
    taken = until(60, lambda: c.front.takes(away))
    took = time.monotonic() - back
    run.check(noticed and set(states) == {200}, "a node that its clients cannot reach is left out by the front", f"{c.front.states()}, {sorted(set(states))}")
    run.check(taken, "and taken back when it can be reached", f"after {took:.1f} s")
    return took


def cut(run):
    """Figures of time are met once in three tries: the machine may be busy."""
    for check, what in ((cut_from_database, "it serves again within 5 s after the database can be reached"), (cut_from_clients, "and within 5 s gets requests again")):
        times = []
        while len(times) < 3 and (not times or min(times) > BACK):
            times.append(check(run))
        run.check(min(times) <= BACK, what, ", ".join(f"{took:.1f} s" for took in times))


# --- f. the cache ---

def coherence(run):
    """Writers on each node in turn, readers on all: no answer is older than the promise, and none on the writer's own node is old at all."""
    c = run.cluster
    run.mended()
    token = c.person(name_of("writer"), role="instructor")["access_token"]
    course = Client(c.nodes[0].address).post("/api/v1/courses", {"title": "0"}, token).json["id"]
    stop, lock = threading.Event(), threading.Lock()
    versions, reads, stale, behind, hits = [(0.0, 0, None)], [0], [], [0], [0]

    def read(node):
        client = Client(node.address)
        while not stop.is_set():
            with lock:
                known = list(versions[-200:])
            sent = time.monotonic()
            answer = client.get(f"/api/v1/courses/{course}")
            title = int(answer.json["title"]) if answer.status == 200 else None
            least = max([number for when, number, by in known if when < sent - PROMISE or (by is node and when < sent)] + [0])
            newest = known[-1][1]
            with lock:
                reads[0] += 1
                hits[0] += "hit" in (answer.headers.get("Cache-Status") or "")
                if title is None:
                    stale.append(f"{answer.status}")
                elif title < least:
                    stale.append(f"{title} instead of {least} at {node.name}")
                elif title < newest:
                    behind[0] = max(behind[0], sent - next(when for when, number, _ in known if number > title))
    readers = [threading.Thread(target=read, args=(node,), daemon=True) for node in c.nodes for _ in range(2)]
    for reader in readers:
        reader.start()
    number, end = 0, time.monotonic() + run.tries(4, 40)
    while time.monotonic() < end:
        number += 1
        node = c.nodes[number // 10 % c.size]
        client = Client(node.address)
        answer = client.call("PATCH", f"/api/v1/courses/{course}", token, {"title": str(number)})
        with lock:
            versions.append((time.monotonic(), number, node))
        own = client.get(f"/api/v1/courses/{course}").json["title"]
        if answer.status != 200 or own != str(number):
            stale.append(f"own read: {answer.status}, {own} instead of {number}")
        time.sleep(0.01 if number % 7 else 0.15)
    stop.set()
    for reader in readers:
        reader.join()
    run.check(not stale and hits[0] > 0, f"{number} writes over all nodes, {reads[0]} public reads: none is more than a second old, and one's own are seen at once",
              f"{hits[0]} out of memory, at most {behind[0] * 1000:.0f} ms behind; {len(stale)} wrong: {stale[:3]}")


# --- g. a client that goes from node to node ---

def totp(secret, when):
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(when) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


def stream(address, path, token, last=None, events=1):
    """The first events of a stream, as (id, data)."""
    found, end = [], time.monotonic() + 10
    with socket.create_connection((address, 80), 20) as s:
        s.sendall((f"GET {path} HTTP/1.1\r\nHost: learn.example.org\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n"
                   + (f"Last-Event-ID: {last}\r\n" if last else "") + "Connection: close\r\n\r\n").encode())
        text = b""
        while len(found) < events and time.monotonic() < end:
            piece = s.recv(65536)
            text += piece
            found = re.findall(rb"^id: ?(\w+)\r?\n(?:.+\r?\n)*?data: ?(.*)", text, re.MULTILINE)
            if not piece:
                break
    return int(text.split()[1]), [(one.decode(), data.decode()) for one, data in found]


def wanderer(run):
    c = run.cluster
    run.mended()
    at = [Client(c.nodes[number % c.size].address) for number in range(4)]
    person = name_of("moves")
    tokens = c.person(person)
    faults = []

    def want(what, condition, seen=""):
        if not condition:
            faults.append(f"{what}: {seen}")
    # a session: login here, refresh there, and the old pair is spent everywhere
    new = at[1].post("/api/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    want("refresh", new.status == 200, new.body[:200])
    same = at[2].post("/api/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    want("the same refresh token again, elsewhere, in its window", same.status == 200 and same.json["refresh_token"] == new.json["refresh_token"], same.body[:200])
    token = new.json["access_token"]
    # a second factor: set up here, confirmed there, used at a third node
    made = at[0].post("/api/v1/auth/mfa/setup", {"password": PASSWORD}, token)
    want("setting up a factor", made.status == 200, made.body[:200])
    codes = at[1].post("/api/v1/auth/mfa/verify", {"code": totp(made.json["secret"], time.time()), "factor_id": made.json["factor_id"]}, token)
    want("confirming it elsewhere", codes.status == 200, codes.body[:200])
    begun = at[2].post("/api/v1/auth/login", {"username": person, "password": PASSWORD})
    want("a login that asks for it", begun.status == 200 and begun.json.get("mfa_required"), begun.body[:200])
    if begun.status == 200 and codes.status == 200:
        proof = {"mfa_token": begun.json["mfa_token"], "code": codes.json["backup_codes"][0]}
        done = at[3].post("/api/v1/auth/mfa/verify", proof)
        again = at[0].post("/api/v1/auth/mfa/verify", proof)
        want("finishing the login elsewhere", done.status == 200 and "access_token" in done.json, done.body[:200])
        want("the same code again", again.status == 401, again.body[:200])
    # an Idempotency-Key
    key = {"Idempotency-Key": uuid.uuid4().hex}
    owner = c.person(name_of("owner"), role="instructor")["access_token"]
    first = at[0].post("/api/v1/courses", {"title": "Once"}, owner, headers=key)
    second = at[3].post("/api/v1/courses", {"title": "Once"}, owner, headers=key)
    third = at[1].post("/api/v1/courses", {"title": "Twice"}, owner, headers=key)
    want("an Idempotency-Key", first.status == 201 == second.status and first.body == second.body and second.headers.get("Idempotent-Replayed") == "true", second.body[:200])
    want("another body with it", third.status == 422, third.body[:200])
    # an upload
    with open(sorted(os.path.join(TOP, "sql/demo/pdf", name) for name in os.listdir(os.path.join(TOP, "sql/demo/pdf")) if name.endswith(".pdf"))[0], "rb") as file:
        pdf = file.read()
    form = b"--line\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n" + pdf + b"\r\n--line--\r\n"
    up = at[0].post("/api/v1/files/upload", form, owner, headers={"Content-Type": "multipart/form-data; boundary=line"})
    down = at[1].get(f"/api/v1/files/{up.json['id']}/content", owner) if up.status == 201 else up
    want("a file", up.status == 201 and down.body == pdf, f"{up.status}, {down.status}, {len(down.body)} of {len(pdf)} bytes")
    # tags and cursors
    path = f"/api/v1/courses/{first.json['id']}"
    tag = at[0].get(path).headers["ETag"]
    want("a tag", at[1].get(path, headers={"If-None-Match": tag}).status == 304, tag)
    for number in range(3):
        at[0].post("/api/v1/courses", {"title": f"Page {number}"}, owner)
    link = re.search(r'<([^>]*)>; rel="next"', at[0].get("/api/v1/courses?limit=1", owner).headers["Link"]).group(1)
    link = link[link.index("/api/"):]
    pages = [at[number].get(link, owner) for number in (0, 1)]
    want("a cursor", pages[0].status == 200 == pages[1].status and pages[0].body == pages[1].body, f"{pages[1].status}")
    # a stream: a ticket from here opens it there, and it goes on elsewhere behind what is known
    analysis = at[2].post("/api/v1/analysis/pdf", {"file_id": up.json["id"]}, owner) if up.status == 201 else None
    if analysis is not None and analysis.status == 202 and run.sandbox():
        path = f"/api/v1/analysis/sessions/{analysis.json['id']}"
        until(40, lambda: at[0].get(path, owner).json["status"] in ("done", "failed"), 0.2)
        status, events = stream(c.nodes[0].address, path + "/events", owner)
        want("a stream", status == 200 and events, f"{status} {events}")
        if events:
            status, _ = stream(c.nodes[1].address, path + "/events", owner, events[-1][0])
            want("the stream elsewhere with Last-Event-ID, which has nothing more to say", status == 204, str(status))
    elif analysis is None or analysis.status != 202:
        faults.append(f"analysis: {analysis.status if analysis is not None else 'no file'}")
    run.check(not faults, "a client that goes to another node with each request notices nothing", "; ".join(faults))
