/* fork and vfork: one event on each side, with what each process is and has. */
#include "creation.h"

#ifdef SYS_fork
static void both_sides(const char *type, pid_t child)
{
	truth_begin(type, child);
	truth_creation(&(struct creation){.parent = true, .child = child, .flags = "0"});
	truth_end();

	truth_begin_child(type, child, child);
	truth_creation(&(struct creation){.child = child, .flags = "0"});
	truth_end();
}

static void do_fork(void)
{
	pid_t child = syscall(SYS_fork);

	need(child >= 0, "fork");
	if (child == 0)
		_exit(0);
	both_sides("fork", child);
	wait_for(child);
}

/* There is only the caller's side of a call that makes nothing. */
static void do_failing(long number, const char *type)
{
	long result = result_of(syscall(number));

	if (result == 0)
		_exit(0);
	need(result == -EAGAIN, "a call that must fail");
	truth_begin(type, result);
	truth_creation(&(struct creation){.parent = true, .child = result, .flags = "0"});
	truth_end();
}

int main(void)
{
	truth_types("fork", "vfork", NULL);
	do_fork();

	pid_t child = vfork(); /* glibc's: the child lives on our stack */
	need(child >= 0, "vfork");
	if (child == 0)
		_exit(0);
	both_sides("vfork", child);
	wait_for(child);

	struct rlimit fewer = {123, 456};
	need(setrlimit(RLIMIT_NOFILE, &fewer) == 0, "setrlimit");
	do_fork();

	struct rlimit none = {0, 0};
	need(setgid(65534) == 0 && setuid(65534) == 0 && setrlimit(RLIMIT_NPROC, &none) == 0, "no more processes");
	do_failing(SYS_fork, "fork");
	do_failing(SYS_vfork, "vfork");
	return 0;
}
#else
int main(void)
{
	truth_types("fork", "vfork", NULL); /* of which there are none here */
	return 0;
}
#endif
