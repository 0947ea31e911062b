# SPDX-License-Identifier: Apache-2.0
# What learners use works: threads, files, sqlite, asyncio, big recursion.
import asyncio, json, re, sqlite3, tempfile, threading, random, decimal, hashlib
with tempfile.TemporaryFile() as f:
    f.write(b"x" * 100000)
threads = [threading.Thread(target=sum, args=(range(1000),)) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
open("notes.txt", "w").write("kept for a while")
assert os.listdir(".") == ["notes.txt"]
db = sqlite3.connect("a.db"); db.execute("create table t (n)"); db.execute("insert into t values (1)"); db.commit()
async def later():
    await asyncio.sleep(0.01)
    return 7
assert asyncio.run(later()) == 7
sys.setrecursionlimit(20000)
def deep(n): return 0 if not n else 1 + deep(n - 1)
assert deep(10000) == 10000
signal.raise_signal(0) if False else None
print("all works")
