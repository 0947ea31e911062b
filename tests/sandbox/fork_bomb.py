# SPDX-License-Identifier: Apache-2.0
# fork, vfork, clone and clone3, by name and by number.
def bomb():
    while True:
        os.fork()
held("fork", bomb)
held("forkpty", os.forkpty)
held("spawn", lambda: os.posix_spawn("/usr/bin/python3.11", ["x"], {}))
x86 = platform.machine() == "x86_64"
held("clone", syscall, 56 if x86 else 220, signal.SIGCHLD, 0, 0, 0, 0)
held("vfork like", syscall, 56 if x86 else 220, 0x4100 | signal.SIGCHLD, 0, 0, 0, 0)
held("clone3", syscall, 435, ctypes.create_string_buffer(b"\0" * 88), 88)
import subprocess
held("subprocess", subprocess.run, ["/usr/bin/python3.11", "-c", "pass"])
