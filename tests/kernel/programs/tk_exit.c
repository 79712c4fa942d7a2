/* procexit: by exit code, by signal, as the last of several threads. The program takes orphans itself. */
#include "truth.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void *last_thread(void *unused)
{
	usleep(20000);
	syscall(SYS_exit_group, 5);
	return unused;
}

static void ended(pid_t pid, int status, const char *sig)
{
	truth_begin_of("procexit", pid);
	truth_comm("proc.name");
	truth_number("proc.ppid", getpid());
	truth_text("proc.exepath", truth_exe);
	truth_textf("evt.arg.status", "%d", status);
	truth_textf("evt.arg.ret", "%d", WIFEXITED(status) ? WEXITSTATUS(status) : 0);
	truth_text("evt.arg.sig", sig);
	truth_textf("evt.arg.core", "%d", WIFSIGNALED(status) && WCOREDUMP(status) ? 1 : 0);
	truth_comm("evt.arg.reaper_tid");
	truth_end();
}

int main(void)
{
	ssize_t n = readlink("/proc/self/exe", truth_exe, sizeof(truth_exe) - 1);
	need(n > 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "subreaper");
	struct rlimit none = {0, 0};
	need(setrlimit(RLIMIT_CORE, &none) == 0, "no core file");
	truth_types("procexit", NULL);

	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	ended(pid, wait_for(pid), "0");

	pid = fork();
	if (pid == 0)
		_exit(42);
	ended(pid, wait_for(pid), "0");

	pid = fork();
	if (pid == 0)
		raise(SIGKILL);
	ended(pid, wait_for(pid), "SIGKILL");

	pid = fork();
	if (pid == 0)
		abort();
	ended(pid, wait_for(pid), "SIGABRT");

	pid = fork();
	if (pid == 0) { /* the first thread leaves, the process lives on: one event, not two */
		pthread_t thread;
		pthread_create(&thread, NULL, last_thread, NULL);
		syscall(SYS_exit, 0);
	}
	ended(pid, wait_for(pid), "0");

	/* and our own, stated before it happens */
	truth_begin_of("procexit", getpid());
	truth_comm("proc.name");
	truth_text("evt.arg.status", "768");
	truth_text("evt.arg.ret", "3");
	truth_text("evt.arg.sig", "0");
	truth_text("evt.arg.core", "0");
	truth_like("evt.arg.reaper_tid", ".+");
	truth_end();
	_exit(3);
}
