/* kill, tkill, tgkill and pidfd_send_signal: to children, to what is gone, and within a pid namespace of its own. */
#include "generic.h"

#include <sched.h>

#define GONE 0x3ffffe

/* Within a namespace /proc is not of help: a process there has our name. */
static void truth_pid(const char *key, pid_t pid, bool known)
{
	if (known)
		truth_comm(key);
	else
		truth_textf(key, "%d", pid);
}

static const char *signal_text(int signal)
{
	static char number[16];

	switch (signal) {
	case SIGUSR1: return "SIGUSR1";
	case SIGKILL: return "SIGKILL";
	case SIGWINCH: return "SIGWINCH";
	case SIGSTOP: return "SIGSTOP";
	case SIGCONT: return "SIGCONT";
	}
	snprintf(number, sizeof(number), "%d", signal);
	return number;
}

static pid_t host_pid; /* of this process: its own number is another in its own namespace */

static void begin(const char *type, long result)
{
	truth_begin_of(type, host_pid);
	truth_result(result);
	truth_comm("proc.name");
	truth_number("thread.tid", host_pid);
	truth_bool("thread.ismain", true);
	truth_number("proc.vpid", getpid());
	truth_number("user.uid", geteuid());
	truth_text("proc.exepath", truth_exe);
}

static void do_kill(pid_t pid, int signal, bool known)
{
	long result = result_of(syscall(SYS_kill, pid, signal));

	begin("kill", result);
	truth_errno_arg("evt.arg.res", result);
	truth_pid("evt.arg.pid", pid, known);
	truth_text("evt.arg.sig", signal_text(signal));
	truth_text("evt.category", "signal");
	truth_no_descriptor();
	truth_end();
}

static void do_tkill(pid_t tid, int signal, bool known)
{
	long result = result_of(syscall(SYS_tkill, tid, signal));

	begin("tkill", result);
	truth_errno_arg("evt.arg.res", result);
	truth_pid("evt.arg.tid", tid, known);
	truth_text("evt.arg.sig", signal_text(signal));
	truth_text("evt.category", "signal");
	truth_no_descriptor();
	truth_end();
}

static void do_tgkill(pid_t pid, pid_t tid, int signal, bool pid_known, bool tid_known)
{
	long result = result_of(syscall(SYS_tgkill, pid, tid, signal));

	begin("tgkill", result);
	truth_errno_arg("evt.arg.res", result);
	truth_pid("evt.arg.pid", pid, pid_known);
	truth_pid("evt.arg.tid", tid, tid_known);
	truth_text("evt.arg.sig", signal_text(signal));
	truth_text("evt.category", "signal");
	truth_no_descriptor();
	truth_end();
}

/* of: whom the pidfd means; 0: it is none */
static void do_pidfd_send(int fd, int signal, pid_t of)
{
	long result = result_of(syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0));

	begin("pidfd_send_signal", result);
	truth_generic("pidfd_send_signal", SYS_pidfd_send_signal, result);
	if (of)
		truth_comm("evt.arg.pid");
	else
		truth_text("evt.arg.pid", "-1");
	truth_text("evt.arg.sig", signal_text(signal));
	truth_text("evt.category", "other");
	if (of)
		truth_descriptor(fd, "pidfd", 'P', "");
	else if (fcntl(fd, F_GETFD) >= 0)
		truth_descriptor(fd, "file", 'f', "/dev/null");
	else
		truth_absent_descriptor(fd);
	truth_end();
}

static pid_t waiting_child(void)
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	while (pid == 0)
		pause();
	return pid;
}

static void all_kinds(void)
{
	pid_t child = waiting_child();
	int fd = syscall(SYS_pidfd_open, child, 0), null = open("/dev/null", O_RDONLY);

	need(fd >= 0, "pidfd_open");
	do_kill(child, 0, true);
	do_kill(child, SIGWINCH, true);
	do_kill(child, 99, true); /* no such signal */
	do_kill(GONE, SIGKILL, false);
	do_tkill(child, SIGWINCH, true);
	do_tkill(GONE, SIGUSR1, false);
	do_tkill(-1, SIGUSR1, false);
	do_tgkill(child, child, SIGSTOP, true, true);
	do_tgkill(child, GONE, SIGUSR1, true, false);
	do_tgkill(-1, child, SIGUSR1, false, true);
	do_pidfd_send(fd, SIGCONT, child);
	do_pidfd_send(fd, 99, child);
	do_pidfd_send(null, SIGKILL, 0);
	do_pidfd_send(9999, SIGKILL, 0);
	do_kill(child, SIGKILL, true);
	wait_for(child);
	do_pidfd_send(fd, SIGKILL, child); /* reaped: nobody is there */
	close(fd);
	close(null);
}

/* As nobody: what belongs to root is out of reach. */
static void refused(pid_t parent)
{
	host_pid = getpid();
	need(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
	do_kill(parent, SIGUSR1, true);
	do_tgkill(parent, parent, SIGUSR1, true, true);
}

/* Number 1 there; its child's number there is 2, which outside is somebody else's. */
static void in_pid_namespace(int told)
{
	need(read(told, &host_pid, sizeof(host_pid)) == sizeof(host_pid), "read");
	need(getpid() == 1, "a pid namespace");
	all_kinds();
	do_kill(getpid(), 0, true);
	do_tkill(getpid(), 0, true);
}

int main(void)
{
	int told[2];

	truth_exe[readlink("/proc/self/exe", truth_exe, sizeof(truth_exe) - 1)] = 0;
	truth_types("kill", "tkill", "tgkill", "pidfd_send_signal", NULL);
	host_pid = getpid();
	all_kinds();
	do_kill(-GONE, SIGUSR1, false); /* a group that is not there */

	pid_t parent = getpid(), child = fork();
	need(child >= 0, "fork");
	if (child == 0) {
		refused(parent);
		_exit(0);
	}
	need(wait_for(child) == 0, "a child");

	need(pipe(told) == 0 && unshare(CLONE_NEWPID) == 0, "unshare");
	child = fork();
	need(child >= 0, "fork");
	if (child == 0) {
		in_pid_namespace(told[0]);
		_exit(0);
	}
	need(write(told[1], &child, sizeof(child)) == sizeof(child), "write");
	need(wait_for(child) == 0, "a namespace");
	return 0;
}
