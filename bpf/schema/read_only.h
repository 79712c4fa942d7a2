/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers that mean nothing: the loader puts something else where they are (bpf/include/compat.h). */
#pragma once

#define READ_ONLY_CALL 0x7fff5ead /* of a helper */

/* The kernel's structs that are read so: for each a number that stands for its type's. */
#define READ_ONLY_TYPES(type) \
	type(task_struct) type(dentry) type(vfsmount) type(mount) type(path) type(fs_struct) type(timespec64) type(sock) \
	type(file) type(inode) type(super_block) type(socket) type(inet_sock)
enum read_only_type {
	READ_ONLY_FIRST = 0x7fff5f00,
#define READ_ONLY_TYPE(name) READ_ONLY_##name,
	READ_ONLY_TYPES(READ_ONLY_TYPE)
#undef READ_ONLY_TYPE
	READ_ONLY_END
};
