/* A kernel whose kernel.perf_event_paranoid is above 2, as Debian's is by default: perf_event_open(2) wants CAP_SYS_ADMIN.
 * LD_PRELOAD this into the agent; what its kernel answers is the same for both of its processes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

static long (*real)(long, ...);

__attribute__((constructor)) static void find(void)
{
	real = (__typeof__(real))dlsym(RTLD_NEXT, "syscall");
}

static int has_sys_admin(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	return real(SYS_capget, &head, sets) == 0 && sets[0].effective >> CAP_SYS_ADMIN & 1;
}

long syscall(long number, ...)
{
	long a[6];
	va_list rest;

	va_start(rest, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(rest, long);
	va_end(rest);
	if (number == SYS_perf_event_open && !has_sys_admin()) {
		errno = EACCES;
		return -1;
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
