# SPDX-License-Identifier: Apache-2.0
version = "python%d.%d" % sys.version_info[:2]
for path in ["/x", "/p/main.py", "/p/x", "/i", "/usr/x", "/usr/bin/x", f"/usr/bin/{version}", f"/usr/lib/{version}/os.py", "/usr/lib/x", "/lib/x",
             "/dev/x", "/bin/x", "/../x", "/w/../x"]:
    held("write " + path, open, path, "w")
    held("append " + path, open, path, "a")
held("mkdir", os.mkdir, "/d")
held("rename", os.rename, "/p/main.py", "/w/main.py")
held("unlink", os.unlink, "/p/main.py")
held("rmdir", os.rmdir, "/w")
held("chmod", os.chmod, "/p/main.py", 0o777)
held("chmod of the first process", os.chmod, "/i", 0o777)
held("chown", os.chown, "/w", 0, 0)
held("utime", os.utime, f"/usr/bin/{version}")
held("truncate", os.truncate, f"/usr/bin/{version}", 0)
held("remount", lambda: syscall(165 if platform.machine() == "x86_64" else 40, 0, ctypes.create_string_buffer(b"/"), 0, 0x1020, 0))
held("mknod", os.mknod, "/w/n", 0o060600, os.makedev(8, 0))
held("fifo", os.mkfifo, "/w/fifo")
held("xattr", os.setxattr, "/w", "user.x", b"1")
