/* fork and vfork: one event on each side. */
#include "truth.h"

#include <sys/resource.h>

static void both_sides(const char *type, pid_t child, const char *flags)
{
	truth_begin(type, child);
	truth_comm("evt.arg.res"); /* a pid is shown as its process's name */
	truth_text("evt.arg.flags", flags);
	truth_end();

	truth_begin_of(type, child);
	truth_result(0);
	truth_comm("proc.name");
	truth_number("proc.ppid", getpid());
	truth_number("proc.vpid", child);
	truth_number("thread.tid", child);
	truth_text("evt.arg.res", "0");
	truth_text("evt.arg.flags", flags);
	truth_number("user.uid", geteuid());
	truth_text("proc.exepath", truth_exe);
	truth_end();
}

int main(void)
{
	truth_types("fork", "vfork", NULL);

	pid_t child = syscall(SYS_fork);
	need(child >= 0, "fork");
	if (child == 0)
		_exit(0);
	both_sides("fork", child, "0");
	wait_for(child);

	child = vfork(); /* glibc's: the child lives on our stack */
	need(child >= 0, "vfork");
	if (child == 0)
		_exit(0);
	both_sides("vfork", child, "0");
	wait_for(child);

	/* A failed call makes no process, so there is no event to state: the count of events says so. */
	struct rlimit none = {0, 0};
	need(setgid(65534) == 0 && setuid(65534) == 0 && setrlimit(RLIMIT_NPROC, &none) == 0, "no more processes");
	child = syscall(SYS_fork);
	if (child == 0)
		_exit(0);
	need(child < 0 && errno == EAGAIN, "a fork that must fail");
	return 0;
}
