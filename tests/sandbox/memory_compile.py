# SPDX-License-Identifier: Apache-2.0
compile("(" * 90 + "-" * 3000000 + "1" + ")" * 90, "", "eval")
