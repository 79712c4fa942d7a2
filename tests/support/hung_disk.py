"""A file system that hangs: it is mounted, and never answers (FUSE whose server says hello and no more). What a network
disk does whose server is gone, and what any user can do who may mount one."""

import ctypes
import errno
import os
import struct

import tiercel as support

MNT_DETACH = 2
_IN_HEADER = struct.Struct("<IIQQIIIHH")  # include/uapi/linux/fuse.h: fuse_in_header
_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")  # fuse_init_out
_libc = ctypes.CDLL(None, use_errno=True)


class HungDisk:
    def __init__(self, path):
        self.path = path
        self.server = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.server},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if _libc.mount(b"tiercel-hung", path.encode(), b"fuse", 0, options) != 0:
            number = ctypes.get_errno()
            os.close(self.server)
            raise support.Failure(f"cannot mount a FUSE file system on {path}: {os.strerror(number)}")
        request = os.read(self.server, 1 << 17)
        _, _, unique, *_ = _IN_HEADER.unpack_from(request)
        body = _INIT_OUT.pack(7, 31, 0, 0, 12, 9, 4096, 1, 0, 0, 0)
        os.write(self.server, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)

    def is_touched(self):
        """Somebody waits for an answer. Takes that question, which stays without one."""
        os.set_blocking(self.server, False)
        try:
            return len(os.read(self.server, 1 << 17)) > 0
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            return False

    def gone(self):
        """Whoever waits gets an error."""
        if self.server < 0:
            return
        os.close(self.server)
        self.server = -1
        _libc.umount2(self.path.encode(), MNT_DETACH)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gone()
