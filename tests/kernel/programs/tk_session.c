/* setsid and setpgid, and what the process's next events say of its session and group. */
#include "self.h"

static void ids(void)
{
	truth_number("proc.sid", getsid(0));
	truth_number("proc.pgid", getpgid(0));
	truth_number("proc.vpgid", getpgid(0));
	truth_number("proc.vpid", getpid());
	truth_bool("proc.is_sid_leader", getsid(0) == getpid());
	comm_of("proc.sname", getsid(0));
}

/* Its result is a pid: shown as its process's name. */
static void do_setsid(void)
{
	long result = result_of(syscall(SYS_setsid));

	truth_begin("setsid", result);
	if (result > 0)
		comm_of("evt.arg.res", result);
	else
		truth_textf("evt.arg.res", "%ld", result); /* no process of such a number */
	truth_text("evt.category", "process");
	truth_text("fd.name", NULL);
	if (result > 0)
		truth_number("proc.tty", 0);
	ids();
	truth_end();
}

static void do_setpgid(pid_t pid, pid_t pgid)
{
	long result = result_of(syscall(SYS_setpgid, pid, pgid));

	truth_begin("setpgid", result);
	truth_errno_arg("evt.arg.res", result);
	comm_of("evt.arg.pid", pid);
	comm_of("evt.arg.pgid", pgid);
	truth_text("evt.category", "process");
	truth_text("fd.num", NULL);
	ids();
	truth_end();
}

/* Moved by its parent, it says so with its own next event. */
static pid_t moved_child(int *told)
{
	char c;

	need(pipe(told) == 0, "pipe");
	pid_t pid = fork();
	need(pid >= 0, "fork");
	if (pid > 0)
		return pid;
	close(told[1]);
	need(read(told[0], &c, 1) == 1, "read");
	do_setpgid(0, 0x3ffffe); /* refused; where it belongs was its parent's doing */
	do_setpgid(0, 0);
	do_setsid(); /* it leads its group: refused */
	do_setpgid(0, getsid(0)); /* back in the group of its session's leader */
	do_setsid();
	do_setpgid(0, 0); /* refused: a session's leader stays */
	do_setsid();
	_exit(0);
}

int main(void)
{
	int told[2];

	truth_types("setsid", "setpgid", NULL);
	do_setsid(); /* the test made us a session's leader: refused */
	do_setpgid(0, 0);

	pid_t child = moved_child(told);
	do_setpgid(child, child);
	do_setpgid(child, 0);
	do_setpgid(0x3ffffe, 0);
	do_setpgid(child, -1);
	do_setpgid(child, getpid());
	need(write(told[1], "", 1) == 1, "write");
	need(wait_for(child) == 0, "the child");
	return 0;
}
