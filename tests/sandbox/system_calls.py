# SPDX-License-Identifier: Apache-2.0
# By number on x86_64, what a filter that forgot something would let through.
names = {134: "uselib", 135: "personality", 136: "ustat", 139: "sysfs", 153: "vhangup", 154: "modify_ldt", 156: "sysctl", 159: "adjtimex",
         161: "chroot", 162: "sync", 163: "acct", 164: "settimeofday", 167: "swapon", 168: "swapoff", 169: "reboot", 170: "sethostname", 171: "setdomainname",
         172: "iopl", 173: "ioperm", 175: "init_module", 176: "delete_module", 179: "quotactl", 180: "nfsservctl", 203: "sched_setaffinity",
         205: "set_thread_area", 212: "lookup_dcookie", 216: "remap_file_pages", 222: "timer_create", 227: "clock_settime", 237: "mbind", 238: "set_mempolicy",
         246: "kexec_load", 248: "add_key", 249: "request_key", 250: "keyctl", 251: "ioprio_set", 253: "inotify_init", 256: "migrate_pages", 275: "splice",
         276: "tee", 278: "vmsplice", 279: "move_pages", 282: "signalfd", 283: "timerfd_create", 298: "perf_event_open", 300: "fanotify_init",
         303: "name_to_handle_at", 304: "open_by_handle_at", 305: "clock_adjtime", 313: "finit_module", 314: "sched_setattr", 317: "seccomp", 319: "memfd_create",
         320: "kexec_file_load", 321: "bpf", 323: "userfaultfd", 329: "pkey_mprotect", 425: "io_uring_setup", 426: "io_uring_enter", 427: "io_uring_register",
         437: "openat2", 440: "process_madvise", 443: "quotactl_fd", 444: "landlock_create_ruleset", 447: "memfd_secret", 448: "process_mrelease",
         450: "set_mempolicy_home_node", 451: "cachestat", 457: "statmount", 41: "socket", 49: "bind", 50: "listen", 43: "accept", 288: "accept4", 46: "sendmsg",
         47: "recvmsg", 299: "recvmmsg", 307: "sendmmsg", 103: "syslog", 58: "vfork", 57: "fork", 112: "setsid", 109: "setpgid", 141: "setpriority", 142: "sched_setparam",
         144: "sched_setscheduler", 149: "mlock", 151: "mlockall", 128 + 1: "rt_sigqueueinfo", 500: "beyond", 1000: "far beyond"}
if platform.machine() == "x86_64":
    for number, name in names.items():
        held(name, syscall, number, 0, 0, 0, 0, 0)
import fcntl
held("TIOCSTI", fcntl.ioctl, 0, 0x5412, b"x")
held("TIOCSTI with high bits", lambda: syscall(16 if platform.machine() == "x86_64" else 29, 0, 0x100005412, ctypes.create_string_buffer(b"x")))
held("a device's ioctl", fcntl.ioctl, os.open("/dev/urandom", os.O_RDONLY), 0x5203, b"\0" * 8)
print("done")
