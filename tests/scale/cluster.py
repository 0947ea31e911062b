# SPDX-License-Identifier: Apache-2.0
"""A cluster in network namespaces: nodes, a front, PostgreSQL, Redis, and a mail server that counts. Runs inside the namespaces that `run` makes.

  hub (this process): bridge "clients" 10.0.0.1/24 and bridge "data" 10.0.1.1/24, PostgreSQL, Redis and the mail server
  front: 10.0.0.2     node N: 10.0.0.1N at clients, 10.0.1.1N at data
"""
import glob
import http.client
import json
import os
import re
import shutil
import signal
import socketserver
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
HUB, DATABASE, FRONT = "10.0.0.1", "10.0.1.1", "10.0.0.2"
PASSWORD = "Granite-Harbor-71"
PORT_MAIL = 2525
MODULES = ("mpm_event unixd authn_core authz_core authz_host alias dir mime setenvif headers filter deflate reqtimeout log_config status unique_id remoteip "
           "dbd watchdog slotmem_shm proxy proxy_http proxy_balancer proxy_hcheck lbmethod_byrequests lbmethod_bybusyness").split()


def command(*words, **how):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **how)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout.strip()}")
    return done.stdout


def until(seconds, ask, pause=0.05):
    """Asks again and again; the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(pause)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def code(self):
        return self.json.get("code") if isinstance(self.json, dict) else None


NOTHING = Answer(0, {}, b"")


class Client:
    """One client with one connection to one address. An answer that does not come is Answer 0; nothing is ever asked twice."""

    def __init__(self, host, patience=20, source=None):
        self.host, self.patience, self.source, self.connection = host, patience, source, None

    def call(self, method, path, token=None, body=None, headers=None):
        all_headers = dict(headers or {})
        if token:
            all_headers["Authorization"] = "Bearer " + token
        if self.source:
            all_headers["X-Forwarded-For"] = self.source
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            all_headers.setdefault("Content-Type", "application/json")
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection(self.host, 80, timeout=self.patience)
            self.connection.request(method, path, body, all_headers)
            reply = self.connection.getresponse()
            answer = Answer(reply.status, reply.headers, reply.read())
            if reply.will_close:
                self.close()
            return answer
        except (OSError, http.client.HTTPException) as failure:
            self.close()
            self.why = repr(failure)
            return NOTHING

    def get(self, path, token=None, **more):
        return self.call("GET", path, token, **more)

    def post(self, path, body=None, token=None, **more):
        return self.call("POST", path, token, body, **more)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail and counts them by recipient. While `stalls` is set it answers no DATA."""
    allow_reuse_address = daemon_threads = True

    class Session(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 sink\r\n")
            to, lines = [], None
            for line in self.rfile:
                word = line.strip().upper()
                if lines is not None:
                    if word != b".":
                        continue
                    lines = None
                    self.server.took(to)
                    to = []
                elif word.startswith(b"RCPT"):
                    to.append(re.search(rb"<(.*)>", line).group(1).decode().lower())
                elif word == b"DATA":
                    if self.server.stalls.is_set():
                        self.server.stalled.set()
                        time.sleep(3600)
                    lines = []
                    self.wfile.write(b"354 go on\r\n")
                    continue
                elif word == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                self.wfile.write(b"250 sink\r\n")

        def finish(self):
            try:
                super().finish()
            except OSError:
                pass

    def __init__(self):
        super().__init__((HUB, PORT_MAIL), self.Session)
        self.lock, self.mails, self.stalls, self.stalled = threading.Lock(), {}, threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # who is killed in the middle of a mail says no goodbye

    def took(self, recipients):
        with self.lock:
            for to in recipients:
                self.mails[to] = self.mails.get(to, 0) + 1


class Httpd:
    """An httpd in its namespace."""

    def __init__(self, cluster, name, address):
        self.cluster, self.name, self.address = cluster, name, address
        self.folder = os.path.join(cluster.folder, name)
        os.makedirs(os.path.join(self.folder, "logs"))
        os.chmod(self.folder, 0o755)
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        # a host of its own has a name of its own
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c", 'hostname "$1" && shift && exec "$@"', "sh", self.name, *self.command()],
            stdin=subprocess.DEVNULL, stdout=open(self.path("logs/start.log"), "ab"), stderr=subprocess.STDOUT)

    def command(self):
        return [self.cluster.httpd, "-DFOREGROUND", "-f", self.path("httpd.conf")]

    def ready(self):
        return Client(self.address, 2).get("/health/ready").status == 200

    def pids(self):
        return [int(pid) for pid in subprocess.run(["ip", "netns", "pids", self.name], stdout=subprocess.PIPE, text=True, check=False).stdout.split()]

    def end(self, number=signal.SIGTERM, seconds=30):
        """Ends it by a signal to its parent; what is left then is killed."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self):
        """kill -9 of everything of it at once, as when a machine loses its power."""
        for _ in range(50):
            pids = self.pids()
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not pids:
                break
            time.sleep(0.02)
        if self.process:
            self.process.wait()
        self.process = None

    def configure(self, lines):
        loads = []
        for name in MODULES:
            file = os.path.join(self.cluster.modules, f"mod_{name}.so")
            if name + ".c" not in self.cluster.compiled and f"mod_{name}.c" not in self.cluster.compiled and os.path.exists(file):
                loads.append(f'LoadModule {name}_module "{file}"')
        with open(self.path("httpd.conf"), "w", encoding="utf-8") as file:
            file.write("\n".join([f'ServerRoot "{self.folder}"', "PidFile httpd.pid", f'DefaultRuntimeDir "{self.folder}"', *loads, "User www-data", "Group www-data",
                                  "ServerName https://learn.example.org", f"Listen {self.address}:80", "ErrorLog logs/error.log", "LogLevel warn", "TypesConfig /dev/null",
                                  "ServerTokens Prod", "GracefulShutdownTimeout 20", "MaxKeepAliveRequests 0", "Timeout 30"] + lines) + "\n")


class Node(Httpd):
    def __init__(self, cluster, number):
        super().__init__(cluster, f"n{number}", f"10.0.0.1{number}")
        self.number = number
        self.data_address = f"10.0.1.1{number}"
        self.drain_file = self.path("drain")

    def prepare(self, extra):
        c = self.cluster
        self.configure([f'LoadModule forge_module "{c.build}/.libs/mod_forge.so"', "LogLevel forge:info", "ServerLimit 4", "StartServers 2", "ThreadsPerChild 32", "MinSpareThreads 32",
                        "MaxSpareThreads 64", "MaxRequestWorkers 64", "AsyncRequestWorkerFactor 8",
                        "DBDriver pgsql", "DBDMin 1", "DBDKeep 4", f'Include "{TOP}/conf/examples/cluster.conf"',
                        f'DBDParams "host={DATABASE} port=5432 dbname=forge user=forge_app passfile={c.passfile} connect_timeout=2"',
                        f'ForgeDrainFile "{self.drain_file}"', f'ForgeSecret "file:{c.secret}"', "ForgeEnvironment test", "ForgeBcryptCost 4",
                        "ForgePublicURL https://learn.example.org", f"ForgeMail smtp://{HUB}:{PORT_MAIL} starttls=off from=learn@example.org",
                        f'ForgeSandbox "{c.build}/forge-runner"', "ForgeAlert cpu off", "ForgeAlert p95 off", "ForgeAlert error_rate off",
                        "ForgeAlert database_p95 off", "ForgeAlert memory off",
                        # tests say where they come from: the hub is believed like the front
                        f"RemoteIPInternalProxy {HUB}",
                        *[f"ForgeRateLimit {name} 1000000/1m" for name in ("default", "user", "auth", "execute", "upload", "analysis")], "ForgeRateLimit stream 1000 ip",
                        '<Location "/api/v1/achievements">', "    ForgeRateLimit default 40/1h ip", "</Location>",
                        '<LocationMatch "^/(api/v1|health|metrics)(/|$)">', "    SetHandler forge", "    Require all granted", "</LocationMatch>"] + extra)

    def metrics(self):
        found = {}
        for line in Client(self.address, 5).get("/metrics").body.decode().splitlines():
            if line and line[0] != "#":
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def leads(self):
        return self.metrics().get("forge_cluster_leader")

    def drain(self, on):
        if on:
            open(self.drain_file, "w", encoding="utf-8").close()
        elif os.path.exists(self.drain_file):
            os.unlink(self.drain_file)

    def cut(self, network, off=True):
        """Takes its link out of a bridge, so that frames vanish without a word to anybody; or puts it back."""
        command("ip", "link", "set", "dev", f"{self.name}-{network}", *(("nomaster",) if off else ("master", network)))


class Front(Httpd):
    def __init__(self, cluster):
        super().__init__(cluster, "front", FRONT)

    def command(self):
        return super().command() + ["-D", "FORGE_FRONT"]

    def prepare(self, nodes):
        self.configure(["ServerLimit 2", "StartServers 2", "ThreadsPerChild 64", "MinSpareThreads 64", "MaxSpareThreads 128", "MaxRequestWorkers 128",
                        "KeepAliveTimeout 30", f'Include "{TOP}/conf/examples/cluster.conf"', '<Location "/balancer-manager">', f"    Require ip {HUB}", "</Location>",
                        # the example has two members; more are added as a site would add them
                        '<Proxy "balancer://forge">', *[
                            f'    BalancerMember "http://{node.address}" ttl=4 connectiontimeout=1 retry=1 timeout=75 hcmethod=GET hcuri=/health/ready hcinterval=1 '
                            "hcpasses=1 hcfails=1" for node in nodes if node.number > 2], "</Proxy>"])

    def states(self):
        """What the front thinks of each member, by address: "Init Ok", "Init HcFl" …"""
        page = Client(FRONT, 5).get("/balancer-manager", headers={"Referer": f"http://{FRONT}/balancer-manager"}).body.decode(errors="replace")
        return {found[0]: found[1].strip() for found in re.findall(r"http://(10\.0\.0\.\d+)</a></td>(?:<td[^>]*>[^<]*</td>){4}<td>([^<]*)</td>", page)}

    def takes(self, node):
        state = self.states().get(node.address, "")
        return "Ok" in state and "HcFl" not in state and "Err" not in state


class Cluster:
    def __init__(self, build, size):
        self.build, self.size, self.started = build, size, []
        self.folder = "/run/scale"
        self.mail = None

    # --- parts ---

    def network(self):
        command("mount", "-t", "tmpfs", "none", "/run")
        os.makedirs("/run/netns")
        os.makedirs(self.folder)
        command("ip", "link", "set", "lo", "up")
        for bridge, address in (("clients", HUB), ("data", DATABASE)):
            command("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
            command("ip", "address", "add", address + "/24", "dev", bridge)
            command("ip", "link", "set", bridge, "up")

    def host(self, name, ports):
        command("ip", "netns", "add", name)
        command("ip", "-n", name, "link", "set", "lo", "up")
        for bridge, address in ports.items():
            command("ip", "link", "add", f"{name}-{bridge}", "type", "veth", "peer", "name", bridge, "netns", name)
            command("ip", "link", "set", f"{name}-{bridge}", "master", bridge, "up")
            command("ip", "-n", name, "address", "add", address + "/24", "dev", bridge)
            command("ip", "-n", name, "link", "set", bridge, "up")

    def postgres(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[4]))
        self.bin = programs[-1] if programs else command("pg_config", "--bindir").strip()
        self.data = os.path.join(self.folder, "pgdata")
        os.makedirs(self.data, 0o700)
        shutil.chown(self.data, "postgres", "postgres")
        account = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/", "env": {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}}
        command(f"{self.bin}/initdb", "-D", self.data, "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync", **account)
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a", encoding="utf-8") as file:
            file.write(f"listen_addresses = '{DATABASE}'\nunix_socket_directories = '{self.data}'\nmax_connections = 100\nfsync = off\nlog_min_messages = warning\n")
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="utf-8") as file:
            file.write("local all all trust\nhost all all 10.0.1.0/24 trust\n")
        self.account = account
        self.postgres_start()
        self.sql("CREATE ROLE forge_owner LOGIN; CREATE ROLE forge_app LOGIN", database="postgres")
        self.sql("CREATE DATABASE forge OWNER forge_owner", database="postgres")
        environment = dict(os.environ, FORGE_DSN=f"host={DATABASE} dbname=forge user=forge_owner", FORGE_MIGRATIONS=f"{TOP}/sql/migrations", FORGE_SQL=f"{TOP}/sql")
        command(f"{self.build}/forgectl", "migrate", "apply", "--app-role", "forge_app", env=environment)

    def postgres_start(self):
        log = open(os.path.join(self.folder, "postgresql.log"), "ab")
        self.database = subprocess.Popen([f"{self.bin}/postgres", "-D", self.data], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.account)
        if not until(30, lambda: subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", DATABASE], check=False).returncode == 0):
            raise RuntimeError("PostgreSQL does not start")

    def redis_start(self):
        """Whether there is a Redis now."""
        program = shutil.which("redis-server")
        if program:
            log = open(os.path.join(self.folder, "redis.log"), "ab")
            subprocess.Popen([program, "--bind", DATABASE, "--protected-mode", "no", "--save", "", "--appendonly", "no", "--dir", self.folder],
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return program is not None

    def prepare(self, extra):
        """Writes the nodes' configurations; a build without hiredis does without Redis."""
        store = [f"ForgeRateLimitStore redis://{DATABASE} timeout=1000ms"] if self.redis_start() else []
        for node in self.nodes:
            node.prepare(extra + store)
        said = subprocess.run([self.httpd, "-t", "-f", self.nodes[0].path("httpd.conf")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.shared = bool(store) and said.returncode == 0
        if store and "ForgeRateLimitStore" in said.stdout:
            for node in self.nodes:
                node.prepare(extra)

    def sql(self, text, database="forge"):
        """What psql prints, bare."""
        return command("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", DATABASE, "-U", "postgres", "-d", database, "-c", text).strip()

    def start(self, extra=()):
        self.httpd = shutil.which("apache2", path=os.environ["PATH"] + ":/usr/sbin") or shutil.which("httpd", path=os.environ["PATH"] + ":/usr/sbin")
        self.modules = command("apxs", "-q", "LIBEXECDIR").strip()
        self.compiled = command(self.httpd, "-l").split()
        self.network()
        self.postgres()
        self.secret = os.path.join(self.folder, "secret")
        self.passfile = os.path.join(self.folder, "pgpass")
        for path, text in ((self.secret, command(f"{self.build}/forgectl", "secret")), (self.passfile, "*:*:*:forge_app:unused\n")):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        shutil.chown(self.passfile, "www-data", "www-data")
        self.mail = MailServer()
        self.nodes = [Node(self, number) for number in range(1, self.size + 1)]
        self.front = Front(self)
        self.host("front", {"clients": FRONT})
        self.prepare(list(extra))
        for node in self.nodes:
            self.host(node.name, {"clients": node.address, "data": node.data_address})
            node.start()
        self.front.prepare(self.nodes)
        self.front.start()
        for node in self.nodes:
            if not until(60, node.ready):
                raise RuntimeError(f"{node.name} does not serve")
        if not until(30, lambda: all(self.front.takes(node) for node in self.nodes)):
            raise RuntimeError(f"the front does not take all nodes: {self.front.states()}")

    # --- accounts ---

    def person(self, name, node=0, role=None):
        """Registers an account and answers its tokens."""
        answer = Client(self.nodes[node].address).post("/api/v1/auth/register", {"email": f"{name}@example.org", "username": name, "password": PASSWORD})
        if answer.status != 201:
            raise RuntimeError(f"register: {answer.status} {answer.body[:300]}")
        if role:
            self.sql(f"UPDATE forge.users SET role = '{role}' WHERE username = '{name}'")
            return self.login(name, node)
        return answer.json

    def login(self, name, node=0):
        return Client(self.nodes[node].address).post("/api/v1/auth/login", {"username": name, "password": PASSWORD}).json

    def keep_logs(self, where):
        shutil.rmtree(where, ignore_errors=True)
        for server in getattr(self, "nodes", []) + [getattr(self, "front", None)]:
            if server:
                shutil.copytree(server.path("logs"), os.path.join(where, server.name))
        if os.path.exists(os.path.join(self.folder, "postgresql.log")):
            os.makedirs(where, exist_ok=True)
            shutil.copy(os.path.join(self.folder, "postgresql.log"), where)

    def stop(self):
        for server in getattr(self, "nodes", []) + [getattr(self, "front", None)]:
            if server:
                server.end(seconds=5)
        if getattr(self, "database", None):
            self.database.send_signal(signal.SIGQUIT)
            self.database.wait()
