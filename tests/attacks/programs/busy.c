/* busy SECONDS [THREADS] [pin|rest]: computes in so many threads; with `pin` each chooses a processor first (SECONDS 0: only that),
 * with `rest` it computes for a tenth of the time. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds;
static int pin, rest;

static void *work(void *number)
{
	volatile unsigned long x = 1;
	struct timespec begin, now;

	if (pin) {
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET((unsigned long)number % (unsigned long)sysconf(_SC_NPROCESSORS_ONLN), &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		for (int i = 0; i < 5000000; i++)
			x = x * 6364136223846793005UL + 1442695040888963407UL;
		if (rest)
			usleep(50000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9 < seconds);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	long n = argc > 2 ? atol(argv[2]) : 1;

	seconds = argc > 1 ? atof(argv[1]) : 1;
	pin = argc > 3 && strcmp(argv[3], "pin") == 0;
	rest = argc > 3 && strcmp(argv[3], "rest") == 0;
	for (long i = 0; i < n && i < 64; i++)
		pthread_create(&threads[i], 0, work, (void *)i);
	for (long i = 0; i < n && i < 64; i++)
		pthread_join(threads[i], 0);
	return 0;
}
