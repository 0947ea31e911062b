# SPDX-License-Identifier: Apache-2.0
import resource
for name in ("AS", "CPU", "NPROC", "FSIZE", "NOFILE", "CORE", "MEMLOCK", "STACK", "NICE", "RTPRIO", "MSGQUEUE", "SIGPENDING"):
    which = getattr(resource, "RLIMIT_" + name)
    soft, hard = resource.getrlimit(which)
    held("raise " + name, resource.setrlimit, which, (hard + 1 if hard >= 0 else hard, hard + 1))
    print("ESCAPED" if hard == resource.RLIM_INFINITY else "held", "limit", name)
held("nice", os.nice, -1)
held("priority", os.setpriority, os.PRIO_PROCESS, 0, -5)
held("scheduler", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
held("affinity", os.sched_setaffinity, 0, range(64))
