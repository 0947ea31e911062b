# SPDX-License-Identifier: Apache-2.0
import resource
held("core limit", resource.setrlimit, resource.RLIMIT_CORE, (1 << 20, 1 << 20))
print("falls", flush=True)
ctypes.string_at(0)
