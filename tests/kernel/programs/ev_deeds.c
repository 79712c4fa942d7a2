/*
 * The deeds of test_evasions.py that take more than a script: ev_deeds DEED ARGUMENT... Each says in one line of JSON what
 * the kernel answered, and whom it was about.
 *   comm NAME FILE       goes by another name, opens FILE
 *   thread FILE          a thread opens FILE
 *   pidns FILE           the first process of a pid namespace opens FILE
 *   setuid UID FILE      becomes UID, opens FILE
 *   open32 FILE          opens FILE by the 32-bit entry
 *   exec32 PROGRAM ARG   starts PROGRAM by the 32-bit entry
 *   uring FILE           opens FILE through an io_uring
 *   late FILE            makes FILE, writes to it at once, then waits to be killed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long open_it(const char *file)
{
	long fd = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY);

	return fd < 0 ? -errno : fd;
}

static int say(long result, long pid, long tid)
{
	printf("{\"result\":%ld,\"pid\":%ld,\"tid\":%ld}\n", result, pid, tid);
	return fflush(stdout);
}

static int say_mine(long result)
{
	return say(result, getpid(), gettid());
}

static void *in_a_thread(void *file)
{
	long result = open_it(file);

	say_mine(result);
	return NULL;
}

static int pidns(const char *file)
{
	int status;
	long child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);

	if (child == 0)
		_exit(open_it(file) < 0);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return say(-errno, 0, 0);
	return say(WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1, child, child);
}

#ifdef __x86_64__
/* Arguments of 32-bit calls have 32 bits: texts must lie low. */
static uint32_t low_copy(const char *text)
{
	static char *at;

	if (!at)
		at = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	char *copy = at;
	at += strlen(text) + 1;
	at += -(uintptr_t)at & 7;
	strcpy(copy, text);
	return (uint32_t)(uintptr_t)copy;
}

static long int80(long nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	long result = nr;

	__asm__ volatile("int $0x80" : "+a"(result) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory", "r8", "r9", "r10", "r11");
	return (int32_t)result;
}

/* arch/x86/entry/syscalls/syscall_32.tbl: 295 openat, 11 execve */
static int open32(const char *file)
{
	return say_mine(int80(295, (uint32_t)AT_FDCWD, low_copy(file), O_RDONLY, 0));
}

static int exec32(const char *program, const char *arg)
{
	uint32_t argv[] = {low_copy(program), low_copy(arg), 0};
	uint32_t low_argv = low_copy("room for three pointers");

	memcpy((void *)(uintptr_t)low_argv, argv, sizeof(argv));
	say_mine(0);
	return int80(11, argv[0], low_argv, 0, 0) != 0;
}
#else
static int open32(const char *file)
{
	(void)file;
	return say_mine(-ENOSYS);
}
static int exec32(const char *program, const char *arg)
{
	(void)program, (void)arg;
	return say_mine(-ENOSYS);
}
#endif

static int through_a_ring(const char *file)
{
	struct io_uring_params p = {0};
	int ring = syscall(SYS_io_uring_setup, 1, &p);

	if (ring < 0)
		return say_mine(-errno);
	size_t sq_size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	size_t cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	char *sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	char *cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	struct io_uring_sqe *sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
					ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		return say_mine(-errno);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_OPENAT;
	sqe->fd = AT_FDCWD;
	sqe->addr = (uintptr_t)file;
	*(unsigned *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return say_mine(-errno);
	struct io_uring_cqe *cqe = (void *)(cq + p.cq_off.cqes);
	return say_mine(cqe->res);
}

static int late(const char *file)
{
	long fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT, 0644);

	if (fd < 0 || write(fd, "written", 7) != 7)
		return 1;
	say_mine(fd);
	return pause();
}

int main(int argc, char **argv)
{
	const char *deed = argc > 2 ? argv[1] : "";
	const char *last = argv[argc - 1];

	if (!strcmp(deed, "comm") && argc == 4) {
		prctl(PR_SET_NAME, argv[2]);
		return say_mine(open_it(last));
	}
	if (!strcmp(deed, "thread")) {
		pthread_t thread;
		return pthread_create(&thread, NULL, in_a_thread, argv[2]) || pthread_join(thread, NULL);
	}
	if (!strcmp(deed, "pidns"))
		return pidns(last);
	if (!strcmp(deed, "setuid") && argc == 4) {
		uid_t uid = strtoul(argv[2], NULL, 10);
		return syscall(SYS_setresuid, uid, uid, uid) ? 1 : say_mine(open_it(last));
	}
	if (!strcmp(deed, "open32"))
		return open32(last);
	if (!strcmp(deed, "exec32") && argc == 4)
		return exec32(argv[2], last);
	if (!strcmp(deed, "uring"))
		return through_a_ring(last);
	if (!strcmp(deed, "late"))
		return late(last);
	fprintf(stderr, "no such deed\n");
	return 2;
}
