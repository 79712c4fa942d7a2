/* recycler COUNT ALIVE_MS PROGRAM: a process runs PROGRAM, which ends at once, and another one gets its pid by force
 * (clone3 with set_tid) before the clock of /proc ticks. That one lives for ALIVE_MS and does nothing. Prints how many of
 * those there were, and how many were ended by SIGKILL: nobody but a response that hit the wrong one does that. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start_as(pid_t pid)
{
	struct clone_args args;
	pid_t wanted[1] = {pid};

	memset(&args, 0, sizeof(args));
	args.exit_signal = SIGCHLD;
	args.set_tid = (uint64_t)(uintptr_t)wanted;
	args.set_tid_size = 1;
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

int main(int argc, char **argv)
{
	long count, alive_ms, made = 0, killed = 0, missed = 0;

	if (argc != 4)
		return 2;
	count = atol(argv[1]);
	alive_ms = atol(argv[2]);
	while (made < count && missed < 100 * count) {
		pid_t first = fork(), second;
		int status = 0;

		if (first < 0)
			return 1;
		if (first == 0) {
			execl(argv[3], argv[3], (char *)NULL);
			_exit(127);
		}
		if (waitpid(first, &status, 0) != first)
			return 1;
		second = start_as(first);
		if (second == 0) {
			for (;;)
				pause();
		}
		if (second < 0) { /* somebody else got it */
			if (errno != EEXIST) {
				perror("clone3");
				return 1;
			}
			++missed;
			continue;
		}
		usleep((useconds_t)alive_ms * 1000);
		kill(second, SIGTERM);
		if (waitpid(second, &status, 0) != second)
			return 1;
		++made;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			++killed;
	}
	printf("%ld %ld\n", made, killed);
	return made == count ? 0 : 1;
}
