# SPDX-License-Identifier: Apache-2.0
import time
print("sleeps", flush=True)
while True:
    try: time.sleep(1000)
    except BaseException: pass
