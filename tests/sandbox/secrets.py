# SPDX-License-Identifier: Apache-2.0
# argv: a file that everybody on the host may read.
places = ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/machine-id", "/root", "/home", "/tmp", "/var", "/run", "/srv", "/opt", "/boot",
          "/proc", "/proc/1/environ", "/proc/self/environ", "/proc/self/maps", "/proc/kallsyms", "/sys", "/sys/class/net", "/dev/mem", "/dev/kmsg",
          "/dev/sda", "/dev/vda", "/dev/tty", "/dev/pts", "/dev/fd", "/usr/share", "/usr/local", "/usr/sbin", "/usr/lib/apache2", "/usr/lib/postgresql"]
def peek(path):
    if os.path.isdir(path): return os.listdir(path)
    return open(path, "rb").read(10)
for place in places + sys.argv[1:]:
    held(place, peek, place)
held("the first process", lambda: open("/i", "rb").read(4))
known = {"p", "w", "i", "usr", "lib", "lib64", "bin", "dev"}
print("held root" if set(os.listdir("/")) <= known else "ESCAPED root", sorted(os.listdir("/")))
print("held dev" if set(os.listdir("/dev")) <= {"null", "zero", "urandom"} else "ESCAPED dev", os.listdir("/dev"))
print("held bin" if all(n.startswith("python3") for n in os.listdir("/usr/bin")) else "ESCAPED bin", os.listdir("/usr/bin"))
print("held host" if os.uname().nodename == "box" else "ESCAPED host")
