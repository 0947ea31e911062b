# SPDX-License-Identifier: Apache-2.0
known = {"PATH", "LANG", "HOME", "TMPDIR", "MALLOC_ARENA_MAX", "PWD"}
print("held environment" if set(os.environ) <= known else "ESCAPED environment", sorted(os.environ))
# The environment of the kernel's stack lies above argv: nothing of the server's is there.
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
below = ctypes.string_at(environ[0], 256) if environ[0] else b""
print("ESCAPED stack" if b"FORGE_CANARY" in below else "held stack")
