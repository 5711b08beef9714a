"""Locks on open files, which the system gives back when the process ends, however it ends.

In comes the descriptor of an open file; out comes whether it is locked now. On Linux and macOS the
whole file is locked (`flock`; between the machines of a network file system where that supports
locks), on Windows one byte far behind its end, so that everybody can still read the file.
"""

import errno
import os
import sys
import time

# What a file system answers that has no locks.
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EOPNOTSUPP)
FAR = 1 << 30  # the byte that is locked on Windows; none of the files that are locked is so long
PAUSE = 0.02  # seconds between two attempts on Windows, which has no call that waits long enough


if sys.platform == "win32":
    import msvcrt

    def lock(descriptor: int, *, shared: bool = False, wait: bool = True) -> bool | None:
        """Lock the file; return False if it is locked by others and `wait` is False."""
        while True:
            os.lseek(descriptor, FAR, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not wait:
                    return False
            time.sleep(PAUSE)
else:
    import fcntl

    def lock(descriptor: int, *, shared: bool = False, wait: bool = True) -> bool | None:
        """Lock the file; return False if it is locked by others and `wait` is False.

        With `shared`, others may hold shared locks at the same time. Closing the file, or the end
        of the process, gives the lock back. None where the file system has no locks.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in NO_LOCKS:
                return None
            raise
        return True
