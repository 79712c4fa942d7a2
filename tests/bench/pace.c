/*
 * Calls at a steady pace: pace WHAT PATH RATE SECONDS, once standard input ends
 *   open   open and close of PATH, by a call that the C library does not make: its events are this program's
 *   at     open of PATH/at-<CLOCK_REALTIME in ns>, which does not exist: says when it was made
 *   exec   vfork, exec of PATH, wait
 * RATE is per second; who falls behind catches up, so that RATE * SECONDS calls are made in any case. RATE 0: as many as
 * there is time for. Prints {"done":N,"seconds":S,"behind_ms":M,"cpu_s":C,"event":NAME}: C is the time of this process
 * and its children, M how late a call was at most.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *path;

static unsigned long long clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void call_open(void)
{
#ifdef SYS_open
	int fd = syscall(SYS_open, path, O_RDONLY | O_CLOEXEC);
#else
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
	int fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
#endif
	if (fd < 0 || close(fd) != 0)
		fail(path);
}

static void call_at(void)
{
	char name[4096];
	int fd;

	snprintf(name, sizeof(name), "%s/at-%llu", path, clock_of(CLOCK_REALTIME));
	fd = open(name, O_RDONLY);
	if (fd >= 0 || errno != ENOENT)
		fail(name);
}

static void call_exec(void)
{
	char *const argv[] = {(char *)path, "nothing", NULL}, *const env[] = {NULL};
	int status = 1;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(path, argv, env);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		fail("vfork and exec");
}

static const struct {
	const char *name;
	void (*run)(void);
	const char *event;
} calls[] = {
#ifdef SYS_open
	{"open", call_open, "open"},
#else
	{"open", call_open, "openat2"},
#endif
	{"at", call_at, "openat"},
	{"exec", call_exec, "execve"},
};

static double cpu_s(void)
{
	double sum = 0;

	for (int child = 0; child < 2; child++) {
		struct rusage used;
		getrusage(child ? RUSAGE_CHILDREN : RUSAGE_SELF, &used);
		sum += used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
	}
	return sum;
}

static unsigned long long wait_for(unsigned long long due)
{
	struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
	unsigned long long now = clock_of(CLOCK_MONOTONIC);

	if (now >= due)
		return now - due;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
	now = clock_of(CLOCK_MONOTONIC);
	return now > due ? now - due : 0;
}

int main(int argc, char **argv)
{
	char byte;
	size_t which = 0;

	if (argc != 5)
		return 2;
	while (which < sizeof(calls) / sizeof(calls[0]) && strcmp(calls[which].name, argv[1]) != 0)
		which++;
	if (which == sizeof(calls) / sizeof(calls[0]))
		return 2;
	path = argv[2];
	double rate = atof(argv[3]), seconds = atof(argv[4]);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	unsigned long long begun = clock_of(CLOCK_MONOTONIC), end = begun + seconds * 1e9, behind = 0;
	double cpu_before_s = cpu_s();
	long done = 0, wanted = rate * seconds;
	while (rate > 0 ? done < wanted : clock_of(CLOCK_MONOTONIC) < end) {
		unsigned long long late = rate > 0 ? wait_for(begun + done * (1e9 / rate)) : 0;
		if (late > behind)
			behind = late;
		for (int n = rate > 0 ? 1 : 64; n > 0; n--, done++)
			calls[which].run();
	}
	printf("{\"done\":%ld,\"seconds\":%.6f,\"behind_ms\":%.3f,\"cpu_s\":%.6f,\"event\":\"%s\"}\n", done,
	       (clock_of(CLOCK_MONOTONIC) - begun) * 1e-9, behind * 1e-6, cpu_s() - cpu_before_s, calls[which].event);
	return 0;
}
