/*
 * Races between a call and what it was given: tk_toctou DIR MODE ATTEMPTS. Each attempt blocks the call after the kernel
 * has read its path, changes what the call was given, and lets it go on:
 *   flip    a thread rewrites the path of an open
 *   shared  a process rewrites it, in memory that both have mapped
 *   swap    a thread puts another file in place of the new descriptor
 *   both    it does both
 *   path    a thread rewrites the path of a truncate
 * An open waits at a named pipe for the other end, a truncate for a lease. A line per attempt, in the order of the calls:
 *   {"opened":"real","text":"fake","at":"real"}
 * opened: what the kernel worked on; text: what the path says right after the call; at: what the descriptor is then.
 * The racing calls are openat and truncate, and nothing else here makes one; the last line is {"done":ATTEMPTS}. A
 * descriptor is swapped in time only where there are two processors.
 */
#include "truth.h"

#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum turn { IDLE, GO, FINISHED, END };

struct race {
	_Atomic int turn;
	char text[PATH_MAX]; /* what the call is given */
};

static struct race *race;
static char real[PATH_MAX], fake[PATH_MAX];
static const char *mode;
static int fake_fd = -1, new_fd = -1, lease_fd = -1;

static long open_quietly(const char *path, int flags)
{
	struct open_how how = {.flags = flags};

	return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		sched_setaffinity(0, sizeof(set), &set);
}

static int await(int turn)
{
	int now;

	for (unsigned spins = 0; (now = atomic_load(&race->turn)) != turn && now != END; spins++)
		if (spins % 1024 == 1023)
			sched_yield();
	return now;
}

/* The other end of the pipe: there is no taking it before somebody waits at this one, who then has to wake up. */
static int meet(void)
{
	long fd;

	while ((fd = open_quietly(real, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
		sched_yield();
	return fd;
}

/* The call has its number, and no file there yet: EBUSY until it has. */
static void swap(void)
{
	for (unsigned tries = 1; dup2(fake_fd, new_fd) < 0; tries++)
		if (tries % 4096 == 0)
			sched_yield();
}

/* One attempt from the other side; the call is on its way into the kernel, or waits there. */
static void interfere(void)
{
	if (!strcmp(mode, "path")) {
		while (fcntl(lease_fd, F_GETLEASE) != F_UNLCK) /* what it is to become, once somebody asks */
			sched_yield();
		strcpy(race->text, fake);
		fcntl(lease_fd, F_SETLEASE, F_UNLCK);
		return;
	}
	int end = meet();
	if (strcmp(mode, "swap"))
		strcpy(race->text, fake);
	if (!strcmp(mode, "swap") || !strcmp(mode, "both"))
		swap();
	close(end);
}

static void *other_side(void *unused)
{
	pin(1);
	while (await(GO) != END) {
		interfere();
		atomic_store(&race->turn, FINISHED);
	}
	return unused;
}

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static const char *file_at(int fd)
{
	struct stat at, real_file;

	if (fstat(fd, &at) || stat(real, &real_file))
		return "nothing";
	return at.st_ino == real_file.st_ino && at.st_dev == real_file.st_dev ? "real" : "fake";
}

static void attempt(void)
{
	bool path = !strcmp(mode, "path");
	long result;

	strcpy(race->text, real);
	if (path)
		need(fcntl(lease_fd, F_SETLEASE, F_RDLCK) == 0, "lease");
	atomic_store(&race->turn, GO);
	result = path ? syscall(SYS_truncate, race->text, 0) : syscall(SYS_openat, AT_FDCWD, race->text, O_RDONLY | O_CLOEXEC);
	char text[PATH_MAX];
	strcpy(text, race->text);
	need(result >= 0, "the racing call");
	const char *at = path ? "" : file_at(result);
	await(FINISHED);
	printf("{\"opened\":\"real\",\"text\":\"%s\",\"at\":\"%s\"}\n", name_of(text), at);
	if (!path)
		close(result);
	atomic_store(&race->turn, IDLE);
}

static void make_files(const char *dir)
{
	bool path = !strcmp(mode, "path");

	snprintf(real, sizeof(real), "%s/real", dir);
	snprintf(fake, sizeof(fake), "%s/fake", dir);
	need((path ? mknod(real, S_IFREG | 0644, 0) : mkfifo(real, 0644)) == 0, real);
	need(mknod(fake, S_IFREG | 0644, 0) == 0, fake);
	fake_fd = open_quietly(fake, O_RDONLY | O_CLOEXEC);
	if (path)
		lease_fd = open_quietly(real, O_RDONLY | O_CLOEXEC);
	need(fake_fd >= 0 && (!path || lease_fd >= 0), "the files");
	new_fd = dup(fake_fd); /* the lowest free number: what the racing open gets */
	close(new_fd);
}

int main(int argc, char **argv)
{
	need(argc == 4, "tk_toctou DIR MODE ATTEMPTS");
	mode = argv[2];
	long attempts = atol(argv[3]);
	pthread_t thread;
	pid_t child = 0;

	signal(SIGIO, SIG_IGN);
	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(race != MAP_FAILED, "mmap");
	make_files(argv[1]);
	if (!strcmp(mode, "shared")) {
		child = fork();
		if (child == 0) {
			other_side(NULL);
			_exit(0);
		}
	} else {
		need(pthread_create(&thread, NULL, other_side, NULL) == 0, "pthread_create");
	}
	pin(0);
	for (long n = 0; n < attempts; n++)
		attempt();
	atomic_store(&race->turn, END);
	if (child)
		wait_for(child);
	else
		pthread_join(thread, NULL);
	printf("{\"done\":%ld}\n", attempts);
	return 0;
}
