"""python -m cli.demo.child PARENT MODULE [ARGUMENT …]: runs a module as the program; it dies with its parent.

The kernel sends the signal, so it also comes when the parent was killed and could clean nothing up. Linux
only.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, module: str, *arguments: str) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the parent has gone")  # before the kernel was asked
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
