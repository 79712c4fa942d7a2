/* clone and clone3: processes, one of a pid namespace of its own, and a thread; one event on each side. */
#include "creation.h"

#include <linux/sched.h>
#include <pthread.h>

static void both_sides(const char *type, struct creation c)
{
	c.parent = true;
	truth_begin(type, c.child);
	truth_creation(&c);
	truth_end();

	c.parent = false;
	truth_begin_child(type, c.thread ? getpid() : c.child, c.child);
	truth_creation(&c);
	truth_end();
}

static void truth_failed(const char *type, long result, const char *flags)
{
	need(result == -EINVAL, "a call that must fail");
	truth_begin(type, result);
	truth_creation(&(struct creation){.parent = true, .child = result, .flags = flags});
	truth_end();
}

static volatile pid_t thread_tid;

static void *thread_main(void *unused)
{
	thread_tid = syscall(SYS_gettid);
	return unused;
}

int main(void)
{
	truth_types("clone", "clone3", NULL);

	pid_t child = syscall(SYS_clone, CLONE_FS | CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	need(child >= 0, "clone");
	if (child == 0)
		_exit(0);
	both_sides("clone", (struct creation){.child = child, .flags = "CLONE_FILES|CLONE_FS"});
	wait_for(child);

	struct clone_args args = {.flags = CLONE_NEWUTS | CLONE_NEWIPC, .exit_signal = SIGCHLD};
	child = syscall(SYS_clone3, &args, sizeof(args));
	need(child >= 0, "clone3");
	if (child == 0)
		_exit(0);
	both_sides("clone3", (struct creation){.child = child, .flags = "CLONE_NEWIPC|CLONE_NEWUTS"});
	wait_for(child);

	args.flags = CLONE_NEWPID;
	child = syscall(SYS_clone3, &args, sizeof(args));
	need(child >= 0, "clone3");
	if (child == 0)
		_exit(0);
	both_sides("clone3", (struct creation){.child = child, .in_pidns = true, .flags = "CLONE_NEWPID"});
	wait_for(child);

	/* pthread_create() makes a thread with these flags; glibc has a clone3 of its own for some architectures. */
#if defined(__aarch64__)
	const char *thread_call = "clone";
#else
	const char *thread_call = "clone3";
#endif
	pthread_t thread;
	need(pthread_create(&thread, NULL, thread_main, NULL) == 0, "pthread_create");
	pthread_join(thread, NULL);
	both_sides(thread_call, (struct creation){.child = thread_tid, .thread = true, .flags =
		   "CLONE_FILES|CLONE_FS|CLONE_PARENT_SETTID|CLONE_SIGHAND|CLONE_SYSVSEM|CLONE_THREAD|CLONE_VM|"
		   "CLONE_CHILD_CLEARTID|CLONE_SETTLS"});

	/* A thread that shares no signal handlers: EINVAL. There is only the caller's side. */
	truth_failed("clone", result_of(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0)), "CLONE_THREAD");
	args = (struct clone_args){.flags = CLONE_THREAD};
	truth_failed("clone3", result_of(syscall(SYS_clone3, &args, sizeof(args))), "CLONE_THREAD");
	return 0;
}
