# SPDX-License-Identifier: Apache-2.0
# What every program of this folder begins with: an attempt is held when it fails, and ESCAPED when it does not.
import ctypes
import errno
import os
import platform
import signal
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)


def syscall(number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def held(name, call, *args):
    try:
        result = call(*args)
    except (OSError, MemoryError, ValueError, RuntimeError) as refused:
        print("held", name, errno.errorcode.get(getattr(refused, "errno", None), type(refused).__name__))
        return
    print("ESCAPED", name, result)


