# SPDX-License-Identifier: Apache-2.0
# argv: a TCP port, a socket in the file system and an abstract one, on which somebody of the host listens.
port, path, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
def connect(family, kind, to):
    with socket.socket(family, kind) as s:
        s.connect(to); s.send(b"hello")
held("tcp", connect, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))
held("udp", connect, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port))
held("tcp6", connect, socket.AF_INET6, socket.SOCK_STREAM, ("::1", port))
held("unix", connect, socket.AF_UNIX, socket.SOCK_STREAM, path)
held("abstract", connect, socket.AF_UNIX, socket.SOCK_STREAM, "\0" + name)
held("resolver", socket.getaddrinfo, "localhost", port)
held("file", lambda: open(path))
held("folder", lambda: os.listdir(os.path.dirname(path)))
