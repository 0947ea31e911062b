# SPDX-License-Identifier: Apache-2.0
# The x32 numbers of x86_64: the same calls, with one bit more.
if platform.machine() != "x86_64":
    os.kill(2, signal.SIGSYS)
print("calls", flush=True)
print("ESCAPED", libc.syscall(ctypes.c_long(0x40000000 + 39)))
