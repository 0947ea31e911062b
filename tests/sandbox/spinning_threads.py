# SPDX-License-Identifier: Apache-2.0
import threading, hashlib
def spin():
    while True: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 100000)
for _ in range(8): threading.Thread(target=spin).start()
