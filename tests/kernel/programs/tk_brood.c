/* Short lives: tk_brood PROCESSES THREADS makes so many of each, one after the other; each process opens /dev/null before
 * it ends. Prints {"processes":n,"threads":m}. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *live(void *nothing)
{
	return nothing;
}

int main(int argc, char **argv)
{
	long processes = 0, threads = 0;

	if (argc != 3)
		return 2;
	for (long i = 0; i < atol(argv[1]); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return 1;
		processes++;
	}
	for (long i = 0; i < atol(argv[2]); i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, live, NULL) || pthread_join(thread, NULL))
			return 1;
		threads++;
	}
	printf("{\"processes\":%ld,\"threads\":%ld}\n", processes, threads);
	return 0;
}
