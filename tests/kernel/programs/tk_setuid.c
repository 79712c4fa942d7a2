/* setuid: to nobody and back (refused), to an id without a name, to -1. */
#include "truth.h"

static void do_setuid(unsigned int uid)
{
	long result = result_of(syscall(SYS_setuid, (unsigned long)uid));

	truth_begin("setuid", result);
	truth_errno_arg("evt.arg.res", result);
	if (uid == -1u)
		truth_text("evt.arg.uid", "<NONE>");
	else
		truth_user("evt.arg.uid", uid);
	truth_end();
}

int main(void)
{
	truth_types("setuid", NULL);
	do_setuid(0);
	do_setuid(-1);
	pid_t pid = fork();
	need(pid >= 0, "fork");
	if (pid == 0) {
		do_setuid(54321);
		_exit(0);
	}
	wait_for(pid);
	do_setuid(65534);
	do_setuid(0);
	return 0;
}
