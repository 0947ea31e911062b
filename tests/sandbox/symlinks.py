# SPDX-License-Identifier: Apache-2.0
# argv: a file that everybody on the host may read.
def through(target):
    try: os.unlink("l")
    except FileNotFoundError: pass
    os.symlink(target, "l")
    return open("l", "rb").read(4)
for target in ["/etc/passwd", "/proc/1/root/etc/passwd", "../" * 40 + "etc/passwd", "/proc/self/fd/3", "/oldroot/etc/passwd", "/newroot/etc/passwd",
               "/i"] + sys.argv[1:]:
    held("through " + target, through, target)
held("hard link of the first process", os.link, "/i", "/w/i")
held("hard link of the program", os.link, "/p/main.py", "/w/m")
held("hard link of the interpreter", os.link, os.path.realpath(sys.executable), "/w/py")
os.mkdir("a"); fd = os.open("a", os.O_RDONLY); os.rename("a", "b")
held("above", lambda: os.open("../" * 10 + "etc/passwd", os.O_RDONLY, dir_fd=fd))
held("chroot", os.chroot, "/w")
