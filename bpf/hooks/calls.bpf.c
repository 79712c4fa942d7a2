// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs that many calls share, at the exit of each. Which event it is and which arguments are what comes with the
 * attachment (schema/hook.h), so a call that fits one of these shapes is a line of events.def and no code. An fexit program
 * belongs to one function from its load on, so there each call has a program of its own (call__X), three lines that name
 * the shape. Shapes are global functions: the verifier looks at each once for a program.
 */
#include "../include/open.h"
#include "../include/push_call.h"

static __always_inline int cookie__ring(__u64 cookie)
{
	return cookie & COOKIE_VITAL ? RING_VITAL : RING_BULK;
}

static __always_inline __u64 regs__arg(struct pt_regs *regs, __u32 n)
{
	switch (n) {
	case 0: return SYS_ARG0(regs);
	case 1: return SYS_ARG1(regs);
	case 2: return SYS_ARG2(regs);
	case 3: return SYS_ARG3(regs);
	case 4: return SYS_ARG4(regs);
	case 5: return SYS_ARG5(regs);
	default: return 0;
	}
}

static __always_inline __s64 regs__dirfd(struct pt_regs *regs, __u32 n)
{
	return n == HOOK_NO_ARG ? AT_FDCWD : (__s32)regs__arg(regs, n);
}

__weak __noinline int call__told(long ret, __u64 cookie)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;

	if (!record__begin(&b, task, COOKIE_TYPE(cookie), sizeof(struct ev_call)))
		return 0;
	struct ev_call *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	args__fill((struct args_part *)&ev->a0, regs);
	if (HOOK_TEXT(cookie) != HOOK_NO_ARG)
		record__user_str(&b, &ev->text, (void *)regs__arg(regs, HOOK_TEXT(cookie)));
	record__send(&b, cookie__ring(cookie));
	scratch__put(&b);
	return 0;
}

/* An argument, or what the call made; where it made nothing, what it should have been made from. */
static __always_inline __s64 cookie__descriptor(__u64 cookie, struct pt_regs *regs, long ret)
{
	if (HOOK_NTH(cookie, 0) != HOOK_RESULT)
		return (__s32)regs__arg(regs, HOOK_NTH(cookie, 0));
	if (ret >= 0)
		return ret;
	return HOOK_NTH(cookie, 1) != HOOK_NO_ARG ? (__s32)regs__arg(regs, HOOK_NTH(cookie, 1)) : -1;
}

__weak __noinline int desc__told(long ret, __u64 cookie)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;

	if (call__may_be_filtered(COOKIE_TYPE(cookie)) &&
	    call__filtered(COOKIE_TYPE(cookie), ret, regs__arg(regs, 0), regs__arg(regs, 1), regs__arg(regs, 2)))
		return 0;
	if (!record__begin(&b, task, COOKIE_TYPE(cookie), sizeof(struct ev_desc)))
		return 0;
	struct ev_desc *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->fd = cookie__descriptor(cookie, regs, ret);
	args__fill((struct args_part *)&ev->a0, regs);
	descriptor__fill(&b, (struct file_part *)&ev->ino, (struct sock_part *)&ev->source, task, ev->fd);
	if (HOOK_TEXT(cookie) != HOOK_NO_ARG)
		record__user_str(&b, &ev->text, (void *)regs__arg(regs, HOOK_TEXT(cookie)));
	if (BPF_CORE_READ(task, files, count.counter) > 1)
		ev->head.flags |= EVF_PATH_UNCERTAIN;
	record__send(&b, cookie__ring(cookie));
	scratch__put(&b);
	return 0;
}

/* A path argument of a call whose record describes the directory's descriptor: its path is the base. */
static __always_inline void path__fill(struct build *b, struct file_part *part, struct text *name, struct text *base,
				       struct task_struct *task, __s64 dirfd, const void *user)
{
	if (dirfd == AT_FDCWD) {
		record__user_path(b, name, base, task, dirfd, user);
		return;
	}
	file__fill(b, part, task, file__of_fd(task, dirfd));
	*base = part->realpath;
	record__path_text(b, name, user);
}

__weak __noinline int path__told(long ret, __u64 cookie)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;

	if (!record__begin_inner(&b, task, COOKIE_TYPE(cookie), sizeof(struct ev_path)))
		return 0;
	struct ev_path *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->dirfd = regs__dirfd(regs, HOOK_NTH(cookie, 0));
	args__fill((struct args_part *)&ev->a0, regs);
	path__fill(&b, (struct file_part *)&ev->ino, &ev->name, &ev->base, task, ev->dirfd,
		   (void *)regs__arg(regs, HOOK_NTH(cookie, 1)));
	if (HOOK_TEXT(cookie) != HOOK_NO_ARG)
		record__user_str(&b, &ev->text, (void *)regs__arg(regs, HOOK_TEXT(cookie)));
	if (!push_on || !push__path_record(b.s, b.w))
		record__send(&b, cookie__ring(cookie));
	record__end_inner(&b);
	return 0;
}

__weak __noinline int paths__told(long ret, __u64 cookie)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;

	if (!record__begin_inner(&b, task, COOKIE_TYPE(cookie), sizeof(struct ev_paths)))
		return 0;
	struct ev_paths *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->dirfd = regs__dirfd(regs, HOOK_NTH(cookie, 0));
	ev->dirfd2 = regs__dirfd(regs, HOOK_NTH(cookie, 2));
	args__fill((struct args_part *)&ev->a0, regs);
	record__user_path(&b, &ev->first, &ev->base, task, ev->dirfd, (void *)regs__arg(regs, HOOK_NTH(cookie, 1)));
	ev->base_mode = file__mode(task, ev->dirfd);
	path__fill(&b, (struct file_part *)&ev->ino, &ev->second, &ev->base2, task, ev->dirfd2,
		   (void *)regs__arg(regs, HOOK_NTH(cookie, 3)));
	if (!push_on || !push__paths_record(b.s, b.w))
		record__send(&b, cookie__ring(cookie));
	record__end_inner(&b);
	return 0;
}

#define O_CREAT_WRONLY_TRUNC (0100 | 01 | 01000) /* creat(2) */

/* include/uapi/linux/openat2.h */
struct open_how_args {
	__u64 flags, mode, resolve;
};

/* But for openat, which nearly all opens are: a program of its own is a tenth faster. */
__weak __noinline int open__told(long ret, __u64 cookie)
{
	struct pt_regs *regs = task__regs((void *)bpf_get_current_task_btf());
	struct open_how_args how = {.flags = regs__arg(regs, HOOK_NTH(cookie, 2)), .mode = regs__arg(regs, HOOK_NTH(cookie, 3))};

	if (HOOK_TEXT(cookie) != HOOK_NO_ARG)
		bpf_probe_read_user(&how, sizeof(how), (void *)regs__arg(regs, HOOK_TEXT(cookie)));
	else if (HOOK_NTH(cookie, 2) == HOOK_NO_ARG)
		how.flags = O_CREAT_WRONLY_TRUNC;
	return open__exit(COOKIE_TYPE(cookie), ret, regs__dirfd(regs, HOOK_NTH(cookie, 0)), (void *)regs__arg(regs, HOOK_NTH(cookie, 1)), how.flags,
			  how.mode, how.resolve);
}

#define SHAPE(shape)                                                         \
	SEC("tp") int shape__##shape(struct sys_exit_ctx *ctx)               \
	{                                                                    \
		shape##__told(call__result(ctx), bpf_get_attach_cookie(ctx)); \
		return 0;                                                    \
	}
SHAPE(call)
SHAPE(desc)
SHAPE(path)
SHAPE(paths)
SHAPE(open)

/* The verifier takes no fexit program that gives anything but 0. */
static __always_inline int shape__told(long ret, __u32 hook, __u64 type, bool vital)
{
	__u64 cookie = hook | (vital ? COOKIE_VITAL : 0) | type << 32;

	switch (HOOK_SHAPE(hook)) {
	case SHAPE_CALL: call__told(ret, cookie); break;
	case SHAPE_DESC: desc__told(ret, cookie); break;
	case SHAPE_PATH: path__told(ret, cookie); break;
	case SHAPE_PATHS: paths__told(ret, cookie); break;
	case SHAPE_OPEN: open__told(ret, cookie); break;
	default: break; /* has a program of its own */
	}
	return 0;
}

#define EVENT(name, record, ring, category, flags, hook, params)                                         \
	SEC("tp") int call__##name(void *ctx)                                                            \
	{                                                                                                \
		return shape__told(call__result(ctx), hook, EVT_##name, RING_OF_##name == RING_VITAL);   \
	}
#include "../schema/events.def"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
