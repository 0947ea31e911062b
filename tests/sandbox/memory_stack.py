# SPDX-License-Identifier: Apache-2.0
# Deep C recursion: the stack has an end, and it is the program's own.
sys.setrecursionlimit(10 ** 9)
class Nest:
    def __repr__(self): return repr(self)
def deep(): return deep() + len(repr(Nest()))
deep()
