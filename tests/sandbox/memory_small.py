# SPDX-License-Identifier: Apache-2.0
kept = []
while True:
    kept.append([len(kept)])
