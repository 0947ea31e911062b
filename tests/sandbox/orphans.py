# SPDX-License-Identifier: Apache-2.0
# What a program leaves behind ends with it.
import threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
held("daemon", os.fork)
held("session", os.setsid)
held("group", os.setpgid, 0, 0)
print("leaves", flush=True)
os._exit(0)
