/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * io_uring: its requests, and what is kept of one between its submission and its completion. Arguments come from the
 * request, where the kernel has put its own copies before it tells of the submission; a request's memory is used again
 * and again, so a note belongs to an operation only while opcode and user_data are the same.
 */
#pragma once

#include "iov.h"

/* Set by the loader (agent/sensor/uring.cpp). */
extern const volatile __u32 uring_flags[URF_COUNT];

/* include/uapi/linux/io_uring.h: flags of an entry are the lowest ones of the request's */
#define IOSQE_FIXED_FILE 1
#define IOSQE_BUFFER_SELECT (1 << 5)
#define IOSQE_CQE_SKIP_SUCCESS (1 << 6)
#define IORING_CQE_F_MORE 2
#define IORING_FILE_INDEX_ALLOC (~0u)

enum io_uring_op {
	IORING_OP_READV = 1,
	IORING_OP_WRITEV = 2,
	IORING_OP_READ_FIXED = 4,
	IORING_OP_WRITE_FIXED = 5,
	IORING_OP_SENDMSG = 9,
	IORING_OP_RECVMSG = 10,
	IORING_OP_ACCEPT = 13,
	IORING_OP_CONNECT = 16,
	IORING_OP_OPENAT = 18,
	IORING_OP_READ = 22,
	IORING_OP_WRITE = 23,
	IORING_OP_SEND = 26,
	IORING_OP_RECV = 27,
	IORING_OP_OPENAT2 = 28,
	IORING_OP_SHUTDOWN = 34,
	IORING_OP_RENAMEAT = 35,
	IORING_OP_UNLINKAT = 36,
	IORING_OP_MKDIRAT = 37,
	IORING_OP_SYMLINKAT = 38,
	IORING_OP_LINKAT = 39,
	IORING_OP_SOCKET = 45,
	IORING_OP_SEND_ZC = 47,
	IORING_OP_SENDMSG_ZC = 48,
	IORING_OP_READ_MULTISHOT = 49,
	IORING_OP_BIND = 56,
	IORING_OP_LISTEN = 57,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
	int fd; /* until the file is there */
};
struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};
struct io_kiocb {
	struct file *file;
	__u8 opcode;
	__u32 flags; /* v6.7 (8e5b3b89ecaf): 64 bits; we read the lower half */
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
	const struct cred *creds;
};
struct open_how {
	__u64 flags, mode, resolve;
};
struct io_open {
	int dfd;
	__u32 file_slot;
	struct filename *filename;
	struct open_how how;
};
struct io_rename {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};
struct io_unlink {
	int dfd, flags;
	struct filename *filename;
};
struct io_link {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};
struct io_mkdir {
	int dfd;
	__u16 mode;
	struct filename *filename;
};
struct io_socket {
	int domain, type, protocol;
	__u32 file_slot;
};
struct io_accept {
	int flags;
	__u32 file_slot;
};
struct io_connect {
	void *addr;
	int addr_len;
};
struct io_listen {
	int backlog;
};
struct io_shutdown {
	int how;
};
struct io_sr_msg {
	void *buf; /* or the message's header */
	__u32 len;
	__u32 msg_flags;
};
/* until v6.15: after it the address is copied before the submission is told */
struct io_sr_msg___old {
	void *addr;
	__u16 addr_len;
};
struct kiocb {
	__s64 ki_pos;
};
struct io_rw {
	struct kiocb kiocb;
	__u64 addr;
	__u32 len;
};
struct io_async_msghdr {
	struct msghdr msg;
};
struct io_rsrc_node {
	unsigned long file_ptr;
};
struct io_rsrc_data {
	unsigned int nr;
	struct io_rsrc_node **nodes;
};
/* v6.13 (3597f2786b68): the ring's files are nodes; before, an array of its own */
struct io_file_table___v613 {
	struct io_rsrc_data data;
};
struct io_fixed_file {
	unsigned long file_ptr;
};
struct io_file_table___old {
	struct io_fixed_file *files;
};
struct io_file_table {
	unsigned long *bitmap;
};
struct io_ring_ctx {
	struct io_file_table file_table;
};
struct io_ring_ctx___old {
	unsigned int nr_user_files;
};
#pragma clang attribute pop

#define FFS_MASK (~7ul) /* the lowest bits of file_ptr are flags */

/* The file at a place of the ring's own table. */
static __always_inline struct file *uring__slot_file(struct io_ring_ctx *ctx, __u32 slot)
{
	struct io_file_table___v613 *now = (void *)&ctx->file_table;
	struct io_file_table___old *old = (void *)&ctx->file_table;
	unsigned long pointer = 0;

	if (bpf_core_field_exists(now->data)) {
		struct io_rsrc_node **nodes = BPF_CORE_READ(now, data.nodes), *node = 0;
		if (slot >= BPF_CORE_READ(now, data.nr))
			return 0;
		bpf_probe_read_kernel(&node, sizeof(node), &nodes[slot]);
		if (node)
			pointer = BPF_CORE_READ(node, file_ptr);
	} else {
		struct io_fixed_file *files = BPF_CORE_READ(old, files);
		if (slot >= BPF_CORE_READ((struct io_ring_ctx___old *)ctx, nr_user_files))
			return 0;
		bpf_probe_read_kernel(&pointer, sizeof(pointer), (void *)files + (__u64)slot * sizeof(pointer));
	}
	return (struct file *)(pointer & FFS_MASK);
}

/* uring_meta.bits */
#define URM_MULTISHOT 1
#define URM_LONG 2   /* the record is in uring_long */
#define URM_FIXED 4  /* the descriptor that it uses is one of the ring's */
#define URM_CHOSEN 8  /* the buffer is chosen when there is something to put in: we do not know which */

/* The record comes first: it is copied in from scratch, with whatever follows it there. */
#define URING_NOTE_MAX 640
#define URING_NOTES 1024
struct uring_note {
	__u8 rec[URING_NOTE_MAX];
	struct uring_meta meta;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, URING_NOTES);
	__type(key, __u64); /* the request */
	__type(value, struct uring_note);
} uring_notes __weak SEC(".maps");

/* Records with long paths, whole. */
#define URING_LONG_MAX 16384
struct uring_long {
	__u8 rec[URING_LONG_MAX];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u64);
	__type(value, struct uring_long);
} uring_long __weak SEC(".maps");

/*
 * Which request it is, for completions that do not say: those of a multishot request, and those that find the
 * completion queue full. Two requests may have one user_data; then it is not known which of them is meant.
 */
struct uring_data {
	__u64 ctx, user_data;
};
struct uring_named {
	__u64 req; /* the youngest */
	__u32 requests;
	__u16 type;
	__u16 several; /* at some time there was more than one */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, URING_NOTES);
	__type(key, struct uring_data);
	__type(value, struct uring_named);
} uring_by_data __weak SEC(".maps");
