/* Troubles that a test cannot have a real machine make: LD_PRELOAD this into the agent alone. TROUBLE_FILE names 16 bytes,
 * which the test writes at any time: how far the real-time clock is shifted (int64, ns), and whether what lies below
 * TROUBLE_DIR is read-only (int64): then nothing there is opened for writing, made, renamed or removed, and descriptors that
 * are open take no byte, as after a file system was remounted read-only by an error. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct trouble {
	int64_t shift_ns, readonly;
};

static const volatile struct trouble *now(void)
{
	static const struct trouble none;
	static const volatile struct trouble *mapped;

	if (mapped)
		return mapped;
	const char *path = getenv("TROUBLE_FILE");
	const int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct trouble), PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		syscall(SYS_close, fd);
	mapped = at == MAP_FAILED ? &none : at;
	return mapped;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* --- The clock --- */

int clock_gettime(clockid_t id, struct timespec *t)
{
	const int got = (int)syscall(SYS_clock_gettime, id, t);

	if (got == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		const int64_t ns = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec + now()->shift_ns;
		t->tv_sec = ns / 1000000000;
		t->tv_nsec = ns % 1000000000;
	}
	return got;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return -1;
	t->tv_sec = ts.tv_sec;
	t->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *t)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return -1;
	if (t)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

/* --- The disk --- */

static int refused_path(const char *path)
{
	const char *dir = getenv("TROUBLE_DIR");

	if (!now()->readonly || !dir || !path || strncmp(path, dir, strlen(dir)) != 0)
		return 0;
	errno = EROFS;
	return 1;
}

static int refused_fd(int fd)
{
	char link[64], path[4096];

	if (!now()->readonly)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	const ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return 0;
	path[n] = 0;
	return refused_path(path);
}

static int writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
}

#define MODE_OF(flags)                              \
	mode_t mode = 0;                            \
	if ((flags) & (O_CREAT | __O_TMPFILE)) {    \
		va_list list;                       \
		va_start(list, flags);              \
		mode = (mode_t)va_arg(list, int);   \
		va_end(list);                       \
	}

int open(const char *path, int flags, ...)
{
	MODE_OF(flags)
	return writes(flags) && refused_path(path) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	MODE_OF(flags)
	return writes(flags) && refused_path(path) ? -1 :
	       (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	return refused_fd(fd) ? -1 : REAL(write)(fd, bytes, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
	return refused_fd(fd) ? -1 : REAL(pwrite)(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
	return refused_fd(fd) ? -1 : REAL(pwrite64)(fd, bytes, size, at);
}

int ftruncate(int fd, off_t size)
{
	return refused_fd(fd) ? -1 : REAL(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return refused_fd(fd) ? -1 : REAL(ftruncate64)(fd, size);
}

int unlink(const char *path)
{
	return refused_path(path) ? -1 : REAL(unlink)(path);
}

int rename(const char *from, const char *to)
{
	return refused_path(to) ? -1 : REAL(rename)(from, to);
}

int mkdir(const char *path, mode_t mode)
{
	return refused_path(path) ? -1 : REAL(mkdir)(path, mode);
}
