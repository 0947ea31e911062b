# SPDX-License-Identifier: Apache-2.0
# An i386 system call by int 0x80, from machine code: write would be another number there.
import mmap
if platform.machine() != "x86_64":
    os.kill(2, signal.SIGSYS)
code = mmap.mmap(-1, 4096, prot=7)
code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
print("calls", flush=True)
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
print("ESCAPED", call())
