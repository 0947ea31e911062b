# SPDX-License-Identifier: Apache-2.0
import threading, time
threading.stack_size(65536)
n = 0
try:
    while n < 5000:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        n += 1
except (RuntimeError, MemoryError):
    pass
print("held threads" if 8 <= n <= 64 else "ESCAPED threads", n)
sys.stdout.flush()
os._exit(0)
