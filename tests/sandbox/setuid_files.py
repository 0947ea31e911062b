# SPDX-License-Identifier: Apache-2.0
import stat
open("s", "w").write("#!/usr/bin/python3.11\n"); os.chmod("s", 0o6755)
held("own file", os.execv, "./s", ["s"])
for place in ("/", "/w", "/usr/bin/python3.11", "/usr/lib/x86_64-linux-gnu", "/p/main.py", "/i"):
    if os.path.exists(place):
        print("held nosuid" if os.statvfs(place).f_flag & os.ST_NOSUID else "ESCAPED nosuid", place)
for name in ("setuid", "setgid", "seteuid", "setegid"):
    held(name, getattr(os, name), 0)
held("setresuid", os.setresuid, 0, 0, 0)
held("setgroups", os.setgroups, [0])
held("capset", syscall, 126 if platform.machine() == "x86_64" else 91, ctypes.create_string_buffer(8), ctypes.create_string_buffer(24))
for program in ("/bin/su", "/usr/bin/sudo", "/usr/bin/newuidmap", "/bin/sh", "/usr/bin/env"):
    held(program, os.execv, program, ["x"])
print("held ids" if os.getresuid() == (65534,) * 3 and os.getgroups() in ([], [65534]) else "ESCAPED ids", os.getgroups())
