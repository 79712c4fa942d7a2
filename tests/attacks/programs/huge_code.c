/* huge_code [2m|populate|plain|there|data]: asks for executable memory in huge pages (or not: plain is small pages, there too at a place
 * of its choice, data is not executable).
 * It does not matter whether the kernel has such pages to give. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int prot = PROT_READ | PROT_WRITE | PROT_EXEC, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

	if (strcmp(how, "2m") == 0)
		flags |= MAP_HUGE_2MB;
	else if (strcmp(how, "populate") == 0)
		flags |= MAP_POPULATE;
	else if (strcmp(how, "plain") == 0)
		flags &= ~MAP_HUGETLB;
	else if (strcmp(how, "there") == 0)
		flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	else if (strcmp(how, "data") == 0)
		prot &= ~PROT_EXEC;
	void *p = mmap(strcmp(how, "there") == 0 ? (void *)0x10000000000 : 0, 4u << 20, prot, flags, -1, 0);
	if (p != MAP_FAILED)
		munmap(p, 4u << 20);
	return 0;
}
