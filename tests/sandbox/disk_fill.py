# SPDX-License-Identifier: Apache-2.0
total = 0
def fill():
    global total
    for i in range(100):
        with open(f"f{i}", "wb", buffering=0) as f:
            while True:
                n = f.write(b"x" * 65536)
                total += n
                if f.tell() > 900000: break
held("disk", fill)
print("held total" if total <= 10 << 20 else "ESCAPED total", total)
