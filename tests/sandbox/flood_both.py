# SPDX-License-Identifier: Apache-2.0
while True:
    os.write(1, b"x" * 100)
    os.write(2, b"y" * 100)
