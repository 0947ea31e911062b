# SPDX-License-Identifier: Apache-2.0
print("does not read")
