/*
 * Calls that tell when they were made: latency FOLDER COUNT PAUSE_US
 * Waits until FOLDER/go is there, then COUNT times: opens FOLDER/at-<CLOCK_REALTIME in ns>, which does not exist, and
 * starts itself with that time as its argument, by turns; each followed by a pause.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void start_itself(const char *self)
{
	char text[64];
	pid_t child = vfork();

	if (child == 0) {
		snprintf(text, sizeof(text), "at-%llu", now_ns());
		execl(self, self, text, (char *)NULL);
		_exit(1);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	char path[4096];
	long i, count;
	int fd;

	if (argc == 2 && !strncmp(argv[1], "at-", 3))
		return 0;
	if (argc != 4)
		return 2;
	snprintf(path, sizeof(path), "%s/go", argv[1]);
	while (access(path, F_OK) != 0)
		usleep(1000);
	count = atol(argv[2]);
	for (i = 0; i < count; i++) {
		if (i % 2) {
			start_itself(argv[0]);
		} else {
			snprintf(path, sizeof(path), "%s/at-%llu", argv[1], now_ns());
			fd = open(path, O_RDONLY);
			if (fd >= 0)
				close(fd);
		}
		usleep(atol(argv[3]));
	}
	snprintf(path, sizeof(path), "%s/done", argv[1]);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	return fd < 0;
}
