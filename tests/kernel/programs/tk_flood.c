/* A flood that knows what it did: tk_flood LABEL OPENS opens /dev/null so often, in bursts, and, every fourth time, removes
 * what is not there. Prints {"openat":n,"unlinkat":m}. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	long opens = atol(argv[2]), removals = 0;

	for (long i = 0; i < opens; i++) {
		long fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
		if (fd < 0)
			return 1;
		syscall(SYS_close, fd);
		if (i % 2000 == 1999)
			usleep(100000); /* it is to last while other programs start beside it */
		if (i % 4 == 0) {
			syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent/tk_flood", 0);
			removals++;
		}
	}
	printf("{\"openat\":%ld,\"unlinkat\":%ld}\n", opens, removals);
	return 0;
}
