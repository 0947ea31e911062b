# SPDX-License-Identifier: Apache-2.0
import hashlib
data = sys.stdin.buffer.read()
print(len(data), hashlib.sha256(data).hexdigest())
