/*
 * Four single-threaded loops, each for one slice of time: loops NAME MILLISECONDS [CPU]
 *   pipe     getpid, write of one byte to a pipe, read of it: calls that no rule names
 *   open     open and close of a file that no rule names
 *   exec     fork, exec of a program that does nothing, wait
 *   connect  connect to a loopback port where nobody listens
 * Prints {"loop":NAME,"ops":N,"seconds":S}. One op is the whole list above.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char self[4096];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void loop_pipe(void)
{
	static int ends[2];
	char byte = 1;

	if (!ends[1] && pipe(ends) != 0)
		fail("pipe");
	syscall(SYS_getpid);
	if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1)
		fail("pipe");
}

static void loop_open(void)
{
	int fd = open("/usr/share", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || close(fd) != 0)
		fail("open");
}

static void loop_exec(void)
{
	char *const argv[] = {self, "nothing", NULL}, *const env[] = {NULL};
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		execve(self, argv, env);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		fail("fork and exec");
}

static void loop_connect(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (void *)&to, sizeof(to)) == 0 || errno != ECONNREFUSED)
		fail("connect to a closed port");
	close(fd);
}

static const struct {
	const char *name;
	void (*run)(void);
	int batch; /* ops between two looks at the clock */
} loops[] = {{"pipe", loop_pipe, 512}, {"open", loop_open, 256}, {"exec", loop_exec, 1}, {"connect", loop_connect, 16}};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc < 3)
		return 2;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		fail("/proc/self/exe");
	if (argc > 3) {
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET(atoi(argv[3]), &set);
		if (sched_setaffinity(0, sizeof(set), &set) != 0)
			fail("sched_setaffinity");
	}
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		if (strcmp(loops[i].name, argv[1]) != 0)
			continue;
		for (int warm = 0; warm < loops[i].batch; warm++)
			loops[i].run();
		double begun = now(), end = begun + atoi(argv[2]) * 1e-3, at;
		long ops = 0;
		do {
			for (int k = 0; k < loops[i].batch; k++)
				loops[i].run();
			ops += loops[i].batch;
		} while ((at = now()) < end);
		printf("{\"loop\":\"%s\",\"ops\":%ld,\"seconds\":%.6f}\n", argv[1], ops, at - begun);
		return 0;
	}
	fprintf(stderr, "no loop '%s'\n", argv[1]);
	return 2;
}
