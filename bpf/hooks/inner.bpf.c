// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Within a call: the kernel's own copies of arguments, and what was opened (include/inner.h says who reads them). Fentry and
 * fexit programs, or kprobes: agent/sensor/inner_hooks.cpp says which function each belongs to, and for which events. Here all
 * are called kprobes, which libbpf lets us change.
 */
#include "../include/inner.h"

/* An argument of the function, or behind the last one an fexit program's result. See call__result() about the assembly. */
#define INNER_ARG(ctx, n)                                                                                  \
	({                                                                                                 \
		__u64 arg;                                                                                 \
		if (inner_by_kprobe)                                                                       \
			arg = inner__parm((struct pt_regs *)(ctx), n);                                     \
		else                                                                                       \
			asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(arg) : "r"(ctx), "i"((n) * 8));       \
		arg;                                                                                       \
	})

static __always_inline __u64 inner__parm(struct pt_regs *regs, int n)
{
	switch (n) {
#if defined(__TARGET_ARCH_x86)
	case 0: return regs->di;
	case 1: return regs->si;
	case 2: return regs->dx;
	default: return regs->cx;
#else
	case 0: return regs->regs[0];
	case 1: return regs->regs[1];
	case 2: return regs->regs[2];
	default: return regs->regs[3];
#endif
	}
}

static __always_inline int inner__names(__u64 first, __u64 second)
{
	struct inner *inner = inner__begin();

	if (!inner)
		return 0;
	inner__keep_name(inner, (void *)first);
	if (second)
		inner__keep_name(inner, (void *)second);
	return 0;
}

/* fs/namei.c. (int dfd, struct filename *name, ...) */
#define INNER_NAME(function)                                               \
	SEC("kprobe") int inner__##function(void *ctx)                     \
	{                                                                  \
		return inner__names(INNER_ARG(ctx, 1), 0);                 \
	}
INNER_NAME(do_unlinkat)
INNER_NAME(do_rmdir)
INNER_NAME(do_mkdirat)
INNER_NAME(do_mknodat)
INNER_NAME(filename_lookup)
INNER_NAME(do_filp_open)

/* do_renameat2(int olddfd, struct filename *from, int newdfd, struct filename *to, unsigned int flags), do_linkat() alike */
#define INNER_TWO_NAMES(function)                                              \
	SEC("kprobe") int inner__##function(void *ctx)                         \
	{                                                                      \
		return inner__names(INNER_ARG(ctx, 1), INNER_ARG(ctx, 3));     \
	}
INNER_TWO_NAMES(do_renameat2)
INNER_TWO_NAMES(do_linkat)

/* do_symlinkat(struct filename *from, int newdfd, struct filename *to) */
SEC("kprobe")
int inner__do_symlinkat(void *ctx)
{
	return inner__names(INNER_ARG(ctx, 0), INNER_ARG(ctx, 2));
}

#define MAX_ERRNO 4095

/* struct file *do_filp_open(int dfd, struct filename *pathname, const struct open_flags *op), at its end */
SEC("kprobe")
int inner__opened(void *ctx)
{
	struct inner *inner = inner__begin();
	__u64 file = INNER_ARG(ctx, 3);

	if (!inner)
		return 0;
	inner->has_file = 0;
	inner__keep_name(inner, (void *)INNER_ARG(ctx, 1));
	if (file && file < (__u64)-MAX_ERRNO)
		inner__keep_file(inner, (void *)file);
	return 0;
}

/* security/security.c: security_file_open(struct file *file). Kprobes see no result of do_filp_open(). */
SEC("kprobe")
int inner__security_file_open(void *ctx)
{
	struct inner *inner = inner__begin();

	/* the first is what the call opens; below it overlayfs opens the file of a layer */
	if (inner && !inner->has_file)
		inner__keep_file(inner, (void *)INNER_ARG(ctx, 0));
	return 0;
}

/* security_socket_connect(struct socket *sock, struct sockaddr *address, int addrlen), security_socket_bind() alike */
static __always_inline int inner__address(__u64 socket, __u64 address, __u64 len)
{
	struct inner *inner = inner__begin();

	if (inner)
		inner__keep_address(inner, BPF_CORE_READ((struct socket *)socket, sk), (void *)address, len);
	return 0;
}

#define INNER_ADDRESS_OF(function)                                                                       \
	SEC("kprobe") int inner__##function(void *ctx)                                                   \
	{                                                                                                \
		return inner__address(INNER_ARG(ctx, 0), INNER_ARG(ctx, 1), INNER_ARG(ctx, 2));          \
	}
INNER_ADDRESS_OF(security_socket_connect)
INNER_ADDRESS_OF(security_socket_bind)

/* security_socket_sendmsg(struct socket *sock, struct msghdr *msg, int size) */
SEC("kprobe")
int inner__security_socket_sendmsg(void *ctx)
{
	struct msghdr *msg = (void *)INNER_ARG(ctx, 1);

	return inner__address(INNER_ARG(ctx, 0), (__u64)BPF_CORE_READ(msg, msg_name), BPF_CORE_READ(msg, msg_namelen));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
