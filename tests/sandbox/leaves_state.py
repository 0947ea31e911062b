# SPDX-License-Identifier: Apache-2.0
for place in ("/w/state", "/tmp/state", "/dev/shm/state", "/var/tmp/state"):
    try: open(place, "w").write("from the last run")
    except OSError: pass
print("left", os.listdir("/w"))
