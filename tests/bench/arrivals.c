/*
 * When alerts arrive: reads lines from standard input, takes from each that has one the time of its call
 * ("at-<CLOCK_REALTIME in ns>"), and at the end prints how long they took:
 * {"lines":N,"p50_us":...,"p99_us":...,"max_us":...}. A time of arrival is that of the read that brought the line's end.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 50000000

static char buffer[1 << 20];
static double *took_us;
static size_t count;

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double at(double share)
{
	size_t place = share * count;

	return count ? took_us[place < count ? place : count - 1] : 0;
}

static void take(char *line, unsigned long long now)
{
	const char *made = strstr(line, "/at-");

	if (made && count < MOST)
		took_us[count++] = (now - strtoull(made + 4, NULL, 10)) / 1e3;
}

int main(void)
{
	size_t have = 0;
	ssize_t got;

	took_us = malloc(MOST * sizeof(*took_us)); /* taken page by page as it fills */
	if (!took_us)
		return 1;
	while ((got = read(STDIN_FILENO, buffer + have, sizeof(buffer) - 1 - have)) > 0) {
		unsigned long long now = now_ns();
		char *begin = buffer, *end;
		have += got;
		buffer[have] = 0;
		while ((end = memchr(begin, '\n', buffer + have - begin))) {
			*end = 0;
			take(begin, now);
			begin = end + 1;
		}
		have -= begin - buffer;
		if (have == sizeof(buffer) - 1)
			return 1;
		memmove(buffer, begin, have);
	}
	qsort(took_us, count, sizeof(*took_us), compare);
	printf("{\"lines\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", count, at(0.5), at(0.99), count ? took_us[count - 1] : 0);
	return 0;
}
