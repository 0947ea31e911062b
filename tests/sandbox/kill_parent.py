# SPDX-License-Identifier: Apache-2.0
for pid in (1, -1, 0, os.getppid()):
    for s in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, 0):
        held(f"kill {pid} {int(s)}", os.kill, pid, s)
held("killpg", os.killpg, os.getpgrp(), signal.SIGSTOP)
x86 = platform.machine() == "x86_64"
held("tkill", syscall, 200 if x86 else 130, 1, 9)
held("tgkill", syscall, 234 if x86 else 131, 1, 1, 9)
held("sigqueue", syscall, 129 if x86 else 138, 1, 9, 0)
held("pidfd", syscall, 434, 1, 0)
held("pidfd_send_signal", syscall, 424, 0, 9, 0, 0)
held("owner of a descriptor", lambda: __import__("fcntl").fcntl(0, 8, 1))
