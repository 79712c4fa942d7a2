/* readv, writev: a file, a pipe, a connection, no descriptor. Argument: a folder of its own. */
#include "io.h"

static char data[100];
static char got[3][64];

/* How the test's bytes are scattered: an empty buffer among them. */
static int scattered(struct iovec *iov, char *base, size_t first, size_t second)
{
	iov[0] = (struct iovec){.iov_base = base, .iov_len = first};
	iov[1] = (struct iovec){.iov_base = NULL, .iov_len = 0};
	iov[2] = (struct iovec){.iov_base = base + first, .iov_len = second};
	return 3;
}

static void do_writev(int fd, enum role role, size_t first, size_t second)
{
	struct iovec iov[3];
	int n = scattered(iov, data, first, second);
	long result = result_of(syscall(SYS_writev, fd, iov, n));
	struct seen s = look_with(fd, role, NULL, NULL);

	truth_transfer(&(struct transfer){"writev", result, fd, false, first + second, data}, &s);
	truth_end();
}

static void do_readv(int fd, enum role role, size_t first, size_t second)
{
	struct iovec iov[3];
	char joined[sizeof(got)];
	int n = scattered(iov, got[0], first, second);

	iov[2].iov_base = got[2]; /* apart */
	long result = result_of(syscall(SYS_readv, fd, iov, n));
	memcpy(joined, got[0], first);
	memcpy(joined + first, got[2], second);
	struct seen s = look_with(fd, role, NULL, NULL);
	truth_transfer(&(struct transfer){"readv", result, fd, true, first + second, result > 0 ? joined : NULL}, &s);
	truth_end();
}

/* More buffers than a few, each with less than what is kept. */
static void do_many(int fd)
{
	struct iovec iov[12];

	for (size_t i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){.iov_base = data + 8 * i, .iov_len = 8};
	long result = result_of(syscall(SYS_writev, fd, iov, ARRAY_SIZE(iov)));
	struct seen s = look(fd);

	need(result == 96, "writev of many");
	truth_transfer(&(struct transfer){"writev", result, fd, false, 96, data}, &s);
	truth_end();
}

/* Buffers that are not there. */
static void do_fault(int fd)
{
	long result = result_of(syscall(SYS_writev, fd, (void *)8, 2));
	struct seen s = look(fd);

	need(result == -EFAULT, "writev without buffers");
	truth_transfer(&(struct transfer){"writev", result, fd, false, 0, NULL}, &s);
	truth_end();
	result = result_of(syscall(SYS_readv, fd, (void *)8, 2));
	need(result == -EFAULT, "readv without buffers");
	truth_transfer(&(struct transfer){"readv", result, fd, true, 0, NULL}, &s);
	truth_end();
}

int main(int argc, char **argv)
{
	int pipes[2], tcp[2];

	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	int both = open("file", O_RDWR | O_CREAT | O_EXCL, 0600), only_read = open("file", O_RDONLY);
	need(both >= 0 && only_read >= 0 && pipe(pipes) == 0, "descriptors");
	tcp_pair(tcp);
	some_data(data);
	truth_types("readv", "writev", NULL);

	do_writev(both, NO_ROLE, 40, 60);
	do_writev(both, NO_ROLE, 7, 5);
	do_writev(only_read, NO_ROLE, 50, 50); /* EBADF, of a descriptor that is there */
	do_readv(both, NO_ROLE, 8, 8);         /* at the end */
	need(lseek(both, 0, SEEK_SET) == 0, "lseek");
	do_readv(both, NO_ROLE, 50, 50);
	do_readv(both, NO_ROLE, 64, 64);
	do_many(both);
	do_fault(both);
	do_writev(pipes[1], NO_ROLE, 10, 20);
	do_readv(pipes[0], NO_ROLE, 20, 20);
	do_readv(pipes[1], NO_ROLE, 20, 20); /* the wrong end */
	do_writev(tcp[0], CLIENT, 50, 50);
	do_readv(tcp[1], SERVER, 40, 41);
	do_writev(ABSENT_FD, NO_ROLE, 10, 20);
	do_readv(ABSENT_FD, NO_ROLE, 10, 20);
	do_writev(-1, NO_ROLE, 10, 20);
	return 0;
}
