/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Scattered buffers of the caller's: how much they hold, and the first bytes of it. */
#pragma once

#include "sock.h"

#define IOV_MAX 1024 /* include/uapi/linux/uio.h, UIO_MAXIOV */
#define IOV_READ_MAX 32 /* of so many buffers the first bytes are looked for: as Falco does */

struct user_iovec {
	__u64 base, len;
};

struct iov_ctx {
	struct walk *w;
	__u64 sum;
	__u32 have, most;
	__u32 fault;
};

static long iov__step(__u32 i, struct iov_ctx *ctx)
{
	const struct user_iovec *iov = (void *)ctx->w->dentry;
	struct user_iovec one = {};
	__u32 have = ctx->have & 127, n = ctx->most - ctx->have;

	if (bpf_probe_read_user(&one, sizeof(one), &iov[i]))
		return 1;
	ctx->sum += one.len;
	if (ctx->have >= ctx->most || ctx->fault || i >= IOV_READ_MAX)
		return 0;
	if (one.len < n)
		n = one.len;
	barrier_var(n);
	n &= 127;
	if (n && bpf_probe_read_user(&ctx->w->buf[have], n, (void *)one.base))
		ctx->fault = 1;
	else
		ctx->have += n;
	return 0;
}

/*
 * Of the `mnt` buffers at `dentry`, through which `root_dentry` bytes went: the first bytes at buf[0 .. pos), the size of
 * all in root_mnt. Global: looked at by the verifier once.
 */
__weak __noinline int iov__gather(struct walk *w)
{
	if (!w)
		return 0;
	struct iov_ctx ctx = {.w = w};
	__u64 count = w->mnt, total = w->root_dentry;

	ctx.most = total < TIERCEL_DATA_MAX ? total : TIERCEL_DATA_MAX;
	bpf_loop(count < IOV_MAX ? count : IOV_MAX, iov__step, &ctx, 0);
	w->root_mnt = ctx.sum;
	w->pos = ctx.have;
	w->cut = ctx.fault;
	return 0;
}

/* Returns how much the buffers hold. */
static __always_inline __u64 iov__data(struct build *b, struct text *t, const void *iov, __u64 count, __u64 total)
{
	void *to = tail__room(b, 128);
	struct walk *w = b->w;

	t->off = 0;
	t->len = 0;
	w->dentry = (__u64)iov;
	w->mnt = iov ? count : 0;
	w->root_dentry = total;
	iov__gather(w);
	if (w->cut)
		b->head->flags |= EVF_TEXT_FAULT;
	__u32 have = w->pos & 127;
	if (to && have) {
		bpf_probe_read_kernel(to, have, w->buf);
		tail__took(b, t, have);
	}
	return w->root_mnt;
}
