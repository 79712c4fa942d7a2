// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Executable memory, io_uring, other processes' memory, and calls with a text or bytes of their own. */
#include "../include/iov.h"

#define PROT_EXEC 4

/* mmap and mprotect are told when they ask for executable memory: everything else is too frequent to mean anything. */
static __always_inline int memory__exit(__u16 type, long ret, __s64 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;

	if (!(SYS_ARG2(regs) & PROT_EXEC))
		return 0;
	if (!record__begin(&b, task, type, sizeof(struct ev_memory)))
		return 0;
	struct ev_memory *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->fd = fd;
	args__fill((struct args_part *)&ev->a0, regs);
	usage__fill((struct usage_part *)&ev->fdlimit, task);
	file__fill(&b, (struct file_part *)&ev->ino, task, file__of_fd(task, fd));
	record__send(&b, RING_OF_mmap);
	scratch__put(&b);
	return 0;
}

SEC("tp")
int sys_exit__mmap(struct sys_exit_ctx *ctx)
{
	return memory__exit(EVT_mmap, call__result(ctx), (__s32)SYS_ARG4(task__regs(bpf_get_current_task_btf())));
}

SEC("tp")
int sys_exit__mprotect(struct sys_exit_ctx *ctx)
{
	return memory__exit(EVT_mprotect, call__result(ctx), -1);
}

/* include/uapi/linux/io_uring.h, struct io_uring_params: the part that we tell */
struct io_uring_params_head {
	__u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features;
};

SEC("tp")
int sys_exit__io_uring_setup(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct io_uring_params_head params = {};
	struct build b;

	if (!record__begin(&b, task, EVT_io_uring_setup, sizeof(struct ev_io_uring)))
		return 0;
	struct ev_io_uring *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	bpf_probe_read_user(&params, sizeof(params), (void *)SYS_ARG1(regs));
	ev->res = call__result(ctx);
	ev->entries = SYS_ARG0(regs);
	ev->sq_entries = params.sq_entries;
	ev->cq_entries = params.cq_entries;
	ev->flags = params.flags;
	ev->sq_thread_cpu = params.sq_thread_cpu;
	ev->sq_thread_idle = params.sq_thread_idle;
	ev->features = params.features;
	file__fill(&b, (struct file_part *)&ev->ino, task, file__of_fd(task, call__result(ctx)));
	record__send(&b, RING_OF_io_uring_setup);
	scratch__put(&b);
	return 0;
}

static __always_inline struct ev_call *call__begin(struct build *b, struct task_struct *task, __u16 type, long ret)
{
	if (!record__begin(b, task, type, sizeof(struct ev_call)))
		return 0;
	struct ev_call *ev = (void *)b->head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	args__fill((struct args_part *)&ev->a0, task__regs((void *)task));
	return ev;
}

/* The caller's own side of the copy: what it read, or what it wrote. */
static __always_inline int process_vm__exit(__u16 type, long ret)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;
	struct ev_call *ev = call__begin(&b, task, type, ret);

	if (!ev)
		return 0;
	if (ret > 0) {
		ev->length = ret;
		iov__data(&b, &ev->data, (void *)ev->a1, ev->a2, ret);
	}
	record__send(&b, RING_OF_process_vm_readv);
	scratch__put(&b);
	return 0;
}

SEC("tp")
int sys_exit__process_vm_readv(struct sys_exit_ctx *ctx)
{
	return process_vm__exit(EVT_process_vm_readv, call__result(ctx));
}

SEC("tp")
int sys_exit__process_vm_writev(struct sys_exit_ctx *ctx)
{
	return process_vm__exit(EVT_process_vm_writev, call__result(ctx));
}

enum { PR_SET_NAME = 15, PR_GET_NAME = 16, PR_GET_CHILD_SUBREAPER = 37 }; /* include/uapi/linux/prctl.h */

SEC("tp")
int sys_exit__prctl(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;
	struct ev_call *ev = call__begin(&b, task, EVT_prctl, call__result(ctx));

	if (!ev)
		return 0;
	int option = ev->a0;
	if (option == PR_SET_NAME || option == PR_GET_NAME) {
		record__user_str(&b, &ev->text, (void *)ev->a1);
		ev->a1 = 0;
	} else if (option == PR_GET_CHILD_SUBREAPER) {
		int is_reaper = 0;
		bpf_probe_read_user(&is_reaper, sizeof(is_reaper), (void *)ev->a1);
		ev->a1 = is_reaper;
	}
	record__send(&b, RING_OF_prctl);
	scratch__put(&b);
	return 0;
}

SEC("tp")
int sys_exit__init_module(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;
	struct ev_call *ev = call__begin(&b, task, EVT_init_module, call__result(ctx));

	if (!ev)
		return 0;
	ev->length = ev->a1;
	record__user_data(&b, &ev->data, (void *)ev->a0, ev->a1);
	record__user_str(&b, &ev->text, (void *)ev->a2);
	record__send(&b, RING_OF_init_module);
	scratch__put(&b);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
