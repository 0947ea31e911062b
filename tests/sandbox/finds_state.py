# SPDX-License-Identifier: Apache-2.0
print("ESCAPED state" if os.listdir("/w") else "held state")
print("held pid" if os.getpid() == 2 else "ESCAPED pid")
