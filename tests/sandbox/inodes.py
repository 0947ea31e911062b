# SPDX-License-Identifier: Apache-2.0
n = 0
def fill():
    global n
    while n < 100000:
        os.mkdir(f"d{n}"); n += 1
held("inodes", fill)
print("held count" if n <= 1024 else "ESCAPED count", n)
