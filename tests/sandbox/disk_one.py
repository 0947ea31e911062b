# SPDX-License-Identifier: Apache-2.0
def fill():
    with open("one", "wb", buffering=0) as f:
        while True:
            if f.write(b"x" * 1048576) < 1048576: raise OSError(errno.EFBIG, "")
held("one file", fill)
held("fallocate", lambda: os.posix_fallocate(os.open("two", os.O_RDWR | os.O_CREAT), 0, 1 << 40))
def sparse():
    with open("three", "wb") as f: f.truncate(1 << 40)
held("sparse", sparse)
print("held size" if sum(os.stat(f).st_size for f in os.listdir(".")) <= 21 << 20 else "ESCAPED size")
