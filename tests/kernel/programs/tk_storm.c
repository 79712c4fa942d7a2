/* Starts a program many times from several processes: tk_storm TOTAL PROCESSES PROGRAM. Prints {"done":starts}. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int start_one(const char *program)
{
	char *const argv[] = {(char *)program, NULL}, *const env[] = {NULL};
	int status = 1;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(program, argv, env);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	long total = atol(argv[1]), workers = atol(argv[2]);
	long *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (total < 1 || workers < 1 || done == MAP_FAILED)
		return 2;
	for (long w = 0; w < workers; w++) {
		if (fork() != 0)
			continue;
		for (long i = w; i < total; i += workers)
			if (start_one(argv[3]))
				__atomic_fetch_add(done, 1, __ATOMIC_RELAXED);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	printf("{\"done\":%ld}\n", *done);
	return *done == total ? 0 : 1;
}
