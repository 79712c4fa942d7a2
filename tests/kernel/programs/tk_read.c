/* read, write, pread, pwrite: a file, a pipe, a connection, no descriptor. Argument: a folder of its own. */
#include "io.h"

/* truth.h says what it has to say with write(), of which every one is stated here: it gets another call. */
ssize_t write(int fd, const void *data, size_t size)
{
	struct iovec one = {.iov_base = (void *)data, .iov_len = size};

	return syscall(SYS_writev, fd, &one, 1);
}

static char data[100];
static char got[128];

static void do_write(int fd, enum role role, const void *from, size_t size)
{
	long result = result_of(syscall(SYS_write, fd, from, size));
	struct seen s = look_with(fd, role, NULL, NULL);

	truth_transfer(&(struct transfer){"write", result, fd, false, size, result == -EFAULT ? NULL : from}, &s);
	truth_end();
}

static void do_read(int fd, enum role role, size_t size)
{
	long result = result_of(syscall(SYS_read, fd, got, size));
	struct seen s = look_with(fd, role, NULL, NULL);

	truth_transfer(&(struct transfer){"read", result, fd, true, size, result > 0 ? got : NULL}, &s);
	truth_end();
}

static void do_pwrite(int fd, size_t size, long pos)
{
	long result = result_of(syscall(SYS_pwrite64, fd, data, size, pos));
	struct seen s = look(fd);

	truth_transfer(&(struct transfer){"pwrite", result, fd, false, size, data}, &s);
	truth_textf("evt.arg.pos", "%lu", (unsigned long)pos);
	truth_end();
}

static void do_pread(int fd, size_t size, long pos)
{
	long result = result_of(syscall(SYS_pread64, fd, got, size, pos));
	struct seen s = look(fd);

	truth_transfer(&(struct transfer){"pread", result, fd, true, size, result > 0 ? got : NULL}, &s);
	truth_textf("evt.arg.pos", "%lu", (unsigned long)pos);
	truth_end();
}

static void on_file(int both, int only_read, int only_write)
{
	do_write(both, NO_ROLE, data, sizeof(data));
	do_write(both, NO_ROLE, data, 12);
	do_write(both, NO_ROLE, data, 0);
	do_write(both, NO_ROLE, (void *)8, 12); /* EFAULT */
	do_write(only_read, NO_ROLE, data, sizeof(data)); /* EBADF, of a descriptor that is there */
	do_read(both, NO_ROLE, 16); /* at the end */
	need(lseek(both, 0, SEEK_SET) == 0, "lseek");
	do_read(both, NO_ROLE, 80);
	do_read(both, NO_ROLE, sizeof(got));
	do_read(only_write, NO_ROLE, 16); /* EBADF */

	do_pwrite(both, sizeof(data), 10);
	do_pwrite(both, 9, 5000000000); /* beyond 32 bits */
	do_pwrite(both, 9, -1);         /* EINVAL */
	do_pread(both, 90, 10);
	do_pread(both, sizeof(got), 5000000000);
	do_pread(both, 16, 6000000000); /* beyond the end */
	do_pread(only_write, 16, 0);
}

int main(int argc, char **argv)
{
	int pipes[2], tcp[2];

	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	int both = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
	int only_read = open("file", O_RDONLY), only_write = open("file", O_WRONLY);
	need(both >= 0 && only_read >= 0 && only_write >= 0 && pipe(pipes) == 0, "descriptors");
	tcp_pair(tcp);
	some_data(data);
	truth_types("read", "write", "pread", "pwrite", NULL);

	on_file(both, only_read, only_write);
	do_write(pipes[1], NO_ROLE, data, 90);
	do_read(pipes[0], NO_ROLE, sizeof(got));
	do_pread(pipes[0], 16, 0);  /* ESPIPE */
	do_pwrite(pipes[1], 16, 0); /* ESPIPE */
	do_write(tcp[0], CLIENT, data, sizeof(data));
	do_read(tcp[1], SERVER, 81);
	do_write(tcp[1], SERVER, data, 20);
	do_read(tcp[0], CLIENT, sizeof(got));
	do_write(ABSENT_FD, NO_ROLE, data, 16);
	do_write(-1, NO_ROLE, data, 16);
	do_read(ABSENT_FD, NO_ROLE, 16);
	do_read(-1, NO_ROLE, 16);
	do_pwrite(ABSENT_FD, 16, 1);
	do_pread(ABSENT_FD, 16, 1);
	return 0;
}
