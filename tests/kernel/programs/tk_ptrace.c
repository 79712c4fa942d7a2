/* ptrace: of a child that waits, and of what is not there. */
#include "truth.h"

#include <sys/ptrace.h>

static void done(long result, const char *request, const char *target, unsigned long addr, unsigned long data)
{
	truth_begin("ptrace", result);
	truth_errno_arg("evt.arg.res", result);
	truth_textf("evt.arg.addr", "%lX", addr);
	truth_textf("evt.arg.data", "%lX", data);
	truth_text("evt.arg.request", request);
	truth_text("evt.arg.pid", target);
	truth_end();
}

int main(void)
{
	truth_types("ptrace", NULL);
	pid_t child = fork();
	need(child >= 0, "fork");
	while (child == 0)
		pause();
	long result = result_of(syscall(SYS_ptrace, PTRACE_SEIZE, child, 0, 0x10));
	done(result, "PTRACE_SEIZE", "tk_ptrace", 0, 0x10);
	need(result == 0, "PTRACE_SEIZE");
	result = result_of(syscall(SYS_ptrace, PTRACE_INTERRUPT, child, 0, 0));
	done(result, "PTRACE_INTERRUPT", "tk_ptrace", 0, 0);
	wait_for(child);
	static long word;
	result = result_of(syscall(SYS_ptrace, PTRACE_PEEKDATA, child, &word, &word));
	done(result, "PTRACE_PEEKDATA", "tk_ptrace", (unsigned long)&word, (unsigned long)&word);
	result = result_of(syscall(SYS_ptrace, PTRACE_CONT, child, 1, 0));
	done(result, "PTRACE_CONT", "tk_ptrace", 1, 0);
	kill(child, SIGKILL);
	wait_for(child);

	/* gone: the number is all there is */
	char gone[16];
	snprintf(gone, sizeof(gone), "%d", 0x3fffff);
	result = result_of(syscall(SYS_ptrace, PTRACE_ATTACH, 0x3fffff, 0, 0));
	done(result, "PTRACE_ATTACH", gone, 0, 0);

	child = fork();
	if (child == 0) {
		result = result_of(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
		done(result, "PTRACE_TRACEME", "0", 0, 0);
		result = result_of(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
		done(result, "PTRACE_TRACEME", "0", 0, 0);
		_exit(0);
	}
	wait_for(child);
	return 0;
}
