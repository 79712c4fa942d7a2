/* Uses CPUs, and says how much by its own clock: tk_busy HOW SECONDS prints {"at_ns":..,"cpu_ns":..} about 50 times a
 * second: the wall clock, and what the whole process has used by then. HOW: spin (in the main thread), pair (in two
 * threads), brief (in threads that end soon; the main thread waits), kernel (in system calls), sleep (hardly at all),
 * late (sleeps for the first half, then spins), or a number: that many children that sleep. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEP_NS 20000000ull

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void *spin(void *step_ns)
{
	uint64_t end = now(CLOCK_MONOTONIC) + (uint64_t)(uintptr_t)step_ns;
	volatile unsigned x = 0;

	while (now(CLOCK_MONOTONIC) < end)
		for (int i = 0; i < 100000; i++)
			x++;
	return NULL;
}

static void kernel(void)
{
	static char bytes[1 << 20];
	uint64_t end = now(CLOCK_MONOTONIC) + STEP_NS;
	int zeros = open("/dev/zero", O_RDONLY);

	while (now(CLOCK_MONOTONIC) < end)
		if (read(zeros, bytes, sizeof(bytes)) < 0)
			break;
	close(zeros);
}

static int crowd(long children, long seconds)
{
	for (long i = 0; i < children; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return 1;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			sleep(seconds);
			_exit(0);
		}
	}
	printf("{\"children\":%ld}\n", children);
	fflush(stdout);
	while (wait(NULL) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	const struct timespec step = {0, STEP_NS};
	pthread_t thread;

	if (argc != 3)
		return 2;
	if (atol(argv[1]) > 0)
		return crowd(atol(argv[1]), atol(argv[2]));
	uint64_t begin = now(CLOCK_MONOTONIC), ns = atol(argv[2]) * 1000000000ull, end = begin + ns;
	if (!strcmp(argv[1], "pair") && pthread_create(&thread, NULL, spin, (void *)(uintptr_t)ns))
		return 1;
	while (now(CLOCK_MONOTONIC) < end) {
		if (!strcmp(argv[1], "sleep") || (!strcmp(argv[1], "late") && now(CLOCK_MONOTONIC) < begin + ns / 2))
			nanosleep(&step, NULL);
		else if (!strcmp(argv[1], "kernel"))
			kernel();
		else if (strcmp(argv[1], "brief"))
			spin((void *)STEP_NS);
		else if (pthread_create(&thread, NULL, spin, (void *)STEP_NS) || pthread_join(thread, NULL))
			return 1;
		printf("{\"at_ns\":%llu,\"cpu_ns\":%llu}\n", (unsigned long long)now(CLOCK_REALTIME),
		       (unsigned long long)now(CLOCK_PROCESS_CPUTIME_ID));
		fflush(stdout);
	}
	return 0;
}
