/*
 * Opens a file named after itself, turns into the other image, and so on: tk_flip_a DIR ROUNDS. The image is read from
 * the program's own path, so that a copy under another name is another image. Each image opens the file twice: right
 * after it began, and right before it ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	long rounds = atol(argv[2]);
	const char *self = strrchr(argv[0], '/') + 1;
	char file[4096], other[4096], left[32];

	snprintf(file, sizeof(file), "%s/opened-by-%s", argv[1], self);
	close(syscall(SYS_openat, AT_FDCWD, file, O_RDONLY));
	if (rounds <= 1) {
		close(syscall(SYS_openat, AT_FDCWD, file, O_RDONLY));
		return 0;
	}
	snprintf(other, sizeof(other), "%.*s%s", (int)(self - argv[0]), argv[0], strcmp(self, "tk_flip_a") ? "tk_flip_a" : "tk_flip_b");
	snprintf(left, sizeof(left), "%ld", rounds - 1);
	char *const child_argv[] = {other, argv[1], left, NULL}, *const env[] = {NULL};
	close(syscall(SYS_openat, AT_FDCWD, file, O_RDONLY));
	execve(other, child_argv, env);
	return 1;
}
