# SPDX-License-Identifier: Apache-2.0
while True:
    os.write(2, b"y" * 65536)
