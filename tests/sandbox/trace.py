# SPDX-License-Identifier: Apache-2.0
x86 = platform.machine() == "x86_64"
buf = ctypes.create_string_buffer(64)
for request in (0, 16, 0x4206):
    held(f"ptrace {request}", syscall, 101 if x86 else 117, request, 1, 0, 0)
held("read memory", syscall, 310 if x86 else 270, 1, buf, 1, buf, 1, 0)
held("write memory", syscall, 311 if x86 else 271, 1, buf, 1, buf, 1, 0)
held("kcmp", syscall, 312 if x86 else 272, 1, 2, 0, 0, 0)
held("limits of another", __import__("resource").prlimit, 1, 7, (0, 0))
held("pidfd_getfd", syscall, 438, 0, 0, 0)
held("tracer", syscall, 157 if x86 else 167, 0x59616d61, -1, 0, 0, 0)
held("dumpable", syscall, 157 if x86 else 167, 4, 1, 0, 0, 0)
held("death signal", syscall, 157 if x86 else 167, 1, 0, 0, 0, 0)
