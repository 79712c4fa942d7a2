/* The kernel's 32-bit entry, from a 64-bit program: int 0x80, with i386's numbers of calls and pointers below 4 GiB. */
#pragma once

#include "truth.h"

#if defined(__x86_64__)
#include <setjmp.h>
#include <sys/mman.h>

enum {
	I386_open = 5,
	I386_unlink = 10,
	I386_execve = 11,
	I386_getpid = 20,
	I386_rename = 38,
	I386_mkdir = 39,
	I386_rmdir = 40,
	I386_socketcall = 102,
	I386_openat = 295,
	I386_unlinkat = 301,
	I386_connect = 362,
};

static inline long int80(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	long result;

	/* the entry keeps no r8 to r11 */
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(0)
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)result;
}

static sigjmp_buf int80_absent;

static inline void int80_refused(int signal)
{
	siglongjmp(int80_absent, signal);
}

/* A kernel without that entry answers with SIGSEGV. */
static inline bool int80_works(void)
{
	struct sigaction refused = {.sa_handler = int80_refused}, before;
	bool works = false;

	sigaction(SIGSEGV, &refused, &before);
	if (sigsetjmp(int80_absent, 1) == 0)
		works = int80(I386_getpid, 0, 0, 0, 0) == getpid();
	sigaction(SIGSEGV, &before, NULL);
	return works;
}

/* A copy that 32 bits can point to. */
static inline unsigned int low(const void *bytes, size_t size)
{
	static char *room;
	static size_t used;
	enum { ROOM = 1 << 16 };

	if (!room)
		room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	need(room != MAP_FAILED && used + size <= ROOM, "memory below 4 GiB");
	char *copy = memcpy(room + used, bytes, size);
	used += (size + 7) & ~7ul;
	return (unsigned long)copy;
}

static inline unsigned int low_text(const char *text)
{
	return low(text, strlen(text) + 1);
}
#endif
