/* clone and clone3: processes and a thread; one event on each side. */
#include "truth.h"

#include <linux/sched.h>
#include <pthread.h>

static void both_sides(const char *type, pid_t child, const char *flags, const char *flags_in_child)
{
	truth_begin(type, child);
	truth_comm("evt.arg.res");
	truth_text("evt.arg.flags", flags);
	truth_end();

	truth_begin_of(type, child);
	truth_result(0);
	truth_comm("proc.name");
	truth_number("proc.ppid", getpid());
	truth_number("thread.tid", child);
	truth_text("evt.arg.res", "0");
	truth_text("evt.arg.flags", flags_in_child);
	truth_number("user.uid", geteuid());
	truth_text("proc.exepath", truth_exe);
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
	both_sides("clone", child, "CLONE_FILES|CLONE_FS", "CLONE_FILES|CLONE_FS");
	wait_for(child);

	struct clone_args args = {.flags = CLONE_NEWUTS | CLONE_NEWIPC, .exit_signal = SIGCHLD};
	child = syscall(SYS_clone3, &args, sizeof(args));
	need(child >= 0, "clone3");
	if (child == 0)
		_exit(0);
	both_sides("clone3", child, "CLONE_NEWIPC|CLONE_NEWUTS", "CLONE_NEWIPC|CLONE_NEWUTS");
	wait_for(child);

	/* pthread_create() calls clone3 with these flags (glibc 2.36, sysdeps/unix/sysv/linux/createthread.c). */
	pthread_t thread;
	need(pthread_create(&thread, NULL, thread_main, NULL) == 0, "pthread_create");
	pthread_join(thread, NULL);
	const char *flags = "CLONE_FILES|CLONE_FS|CLONE_PARENT_SETTID|CLONE_SIGHAND|CLONE_SYSVSEM|CLONE_THREAD|CLONE_VM|"
			    "CLONE_CHILD_CLEARTID|CLONE_SETTLS";
	char name_or_tid[64];
	snprintf(name_or_tid, sizeof(name_or_tid), "^(tk_clone|%d)$", thread_tid); /* threads may be known by number only */
	truth_begin("clone3", thread_tid);
	truth_like("evt.arg.res", name_or_tid);
	truth_text("evt.arg.flags", flags);
	truth_end();
	truth_begin_of("clone3", getpid());
	truth_result(0);
	truth_comm("proc.name");
	truth_number("thread.tid", thread_tid);
	truth_bool("thread.ismain", false);
	truth_text("evt.arg.res", "0");
	truth_text("evt.arg.flags", flags);
	truth_end();

	/* These must fail, and make no event. */
	need(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0) < 0, "a clone that must fail");
	need(syscall(SYS_clone3, &args, 8ul) < 0, "a clone3 that must fail");
	return 0;
}
