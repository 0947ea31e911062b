# SPDX-License-Identifier: Apache-2.0
# Shared anonymous memory is no data to RLIMIT_DATA: the address space must hold it.
import mmap
kept = []
while True:
    kept.append(mmap.mmap(-1, 16 << 20))
    kept[-1].write(b"x" * (16 << 20))
