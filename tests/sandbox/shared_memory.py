# SPDX-License-Identifier: Apache-2.0
x86 = platform.machine() == "x86_64"
held("/dev/shm", lambda: open("/dev/shm/x", "w"))
held("shm_open", lambda: __import__("multiprocessing.shared_memory").shared_memory.SharedMemory("x", True, 4096))
held("memfd", os.memfd_create, "x")
held("shmget", syscall, 29 if x86 else 194, 0, 1 << 20, 0o1600)
held("semget", syscall, 64 if x86 else 190, 0, 1, 0o1600)
held("msgget", syscall, 68 if x86 else 186, 0, 0o1600)
held("mq_open", syscall, 240 if x86 else 180, ctypes.create_string_buffer(b"x"), 0o102, 0o600, 0)
held("mlock", syscall, 149 if x86 else 228, id(libc), 4096)
