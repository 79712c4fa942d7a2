/* A flood that knows what it did: tk_flood LABEL OPENS [PAUSE_MS] opens /dev/null so often, in bursts
 * of 2000 with pauses between them (of 100 ms if it does not say; 0: none), and, every fourth time, removes
 * what is not there. Prints {"openat":n,"unlinkat":m}. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4)
		return 2;
	long opens = atol(argv[2]), removals = 0, pause_ms = argc == 4 ? atol(argv[3]) : 100;

	for (long i = 0; i < opens; i++) {
		long fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
		if (fd < 0)
			return 1;
		syscall(SYS_close, fd);
		if (i % 2000 == 1999 && pause_ms > 0)
			usleep(pause_ms * 1000); /* it is to last while other programs start beside it */
		if (i % 4 == 0) {
			syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent/tk_flood", 0);
			removals++;
		}
	}
	printf("{\"openat\":%ld,\"unlinkat\":%ld}\n", opens, removals);
	return 0;
}
