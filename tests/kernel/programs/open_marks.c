/* Opens that say when they were: open_marks FOLDER TIMES RATE COUNT CRITICAL_EVERY [FIRST] opens FOLDER/mark-N, which are not
 * there, RATE times a second (0: as fast as it goes), N from FIRST; every CRITICAL_EVERY-th (0: none) is FOLDER/crit-N.
 * COUNT 0: until SIGTERM. After each open the monotonic clock in ns goes as eight bytes to the file TIMES, so that the
 * (N-FIRST)th eight bytes tell when N had been opened. Without a rate they are written at the end. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void end(int number)
{
	(void)number;
	over = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int put(int fd, const uint64_t *times, size_t count)
{
	const char *at = (const char *)times;
	size_t left = count * sizeof(*times);

	while (left > 0) {
		ssize_t written = write(fd, at, left);
		if (written <= 0)
			return -1;
		at += written;
		left -= (size_t)written;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	const double rate = atof(argv[3]);
	const uint64_t count = strtoull(argv[4], NULL, 10), critical = strtoull(argv[5], NULL, 10);
	const uint64_t first = argc > 6 ? strtoull(argv[6], NULL, 10) : 0;
	const int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	uint64_t *times = rate > 0 ? NULL : calloc(count ? count : 1, sizeof(*times));

	if (out < 0 || (rate <= 0 && (count == 0 || times == NULL)))
		return 2;
	signal(SIGTERM, end);
	const uint64_t begun = now_ns();
	uint64_t i = 0;
	for (; !over && (count == 0 || i < count); i++) {
		char path[512];
		const uint64_t n = first + i;

		if (rate > 0) {
			const uint64_t at = begun + (uint64_t)((double)i / rate * 1e9);
			const struct timespec until = { (time_t)(at / 1000000000u), (long)(at % 1000000000u) };
			while (!over && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
				;
		}
		snprintf(path, sizeof(path), "%s/%s-%llu", argv[1], critical && n % critical == 0 ? "crit" : "mark",
			 (unsigned long long)n);
		const int fd = open(path, O_RDONLY);
		if (fd >= 0)
			close(fd);
		const uint64_t done = now_ns();
		if (times)
			times[i] = done;
		else if (put(out, &done, 1) != 0)
			return 1;
	}
	const uint64_t ended = now_ns();
	if (times && put(out, times, i) != 0)
		return 1;
	printf("{\"opens\":%llu,\"took_ms\":%.3f}\n", (unsigned long long)i, (double)(ended - begun) / 1e6);
	return 0;
}
