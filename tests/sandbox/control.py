# SPDX-License-Identifier: Apache-2.0
print(sys.argv[1:], sys.stdin.read())
sys.stderr.write("to the other side\n")
sys.exit(3)
