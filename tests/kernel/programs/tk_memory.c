/* mmap and mprotect, of memory that may be executed: only such calls are told. Argument: a folder of its own. */
#include "generic.h"

#include <sys/mman.h>

static char dir[PATH_MAX];

struct mapping {
	void *at;
	size_t length;
	int prot;
	const char *prot_text;
	int flags;
	const char *flags_text;
	int fd;
	const char *name; /* of the file, NULL: there is none behind fd */
	off_t offset;
};

static void truth_memory(const void *at, size_t length, const char *prot)
{
	truth_textf("evt.arg.addr", "%lX", (unsigned long)at);
	truth_textf("evt.arg.length", "%zu", length);
	truth_text("evt.arg.prot", prot);
	truth_text("evt.category", "memory");
}

static void *do_mmap(const struct mapping *m)
{
	long result = result_of(syscall(SYS_mmap, m->at, m->length, m->prot, m->flags, m->fd, m->offset));

	truth_begin("mmap", result);
	if (result < 0)
		truth_text("evt.arg.res", strerrorname_np(-result));
	else
		truth_textf("evt.arg.res", "%lX", result);
	truth_like("evt.arg.vm_size", "^[1-9][0-9]*$");
	truth_like("evt.arg.vm_rss", "^[0-9]+$");
	truth_like("evt.arg.vm_swap", "^[0-9]+$");
	truth_memory(m->at, m->length, m->prot_text);
	truth_text("evt.arg.flags", m->flags_text);
	truth_textf("evt.arg.offset", "%lu", (unsigned long)m->offset);
	if (!m->name)
		truth_absent_descriptor(m->fd);
	else if (m->name[0] == '/')
		truth_descriptor(m->fd, "file", 'f', m->name);
	else
		truth_descriptor(m->fd, "memfd", 'm', m->name);
	truth_end();
	return (void *)result;
}

static void do_mprotect(void *at, size_t length, int prot, const char *text)
{
	long result = result_of(syscall(SYS_mprotect, at, length, prot));

	truth_begin("mprotect", result);
	truth_errno_arg("evt.arg.res", result);
	truth_memory(at, length, text);
	truth_no_descriptor();
	truth_end();
}

/* The rest is not told, and so not stated. */
static void not_executable(void)
{
	void *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(at != MAP_FAILED && mprotect(at, 4096, PROT_READ) == 0 && mprotect(at, 4096, PROT_NONE) == 0 &&
	     munmap(at, 8192) == 0, "memory");
}

static void anonymous(void)
{
	char *at = do_mmap(&(struct mapping){NULL, 12288, PROT_READ | PROT_WRITE | PROT_EXEC, "PROT_READ|PROT_WRITE|PROT_EXEC",
			   MAP_PRIVATE | MAP_ANONYMOUS, "MAP_PRIVATE|MAP_ANONYMOUS", -1, NULL, 0});
	do_mmap(&(struct mapping){at, 4096, PROT_EXEC, "PROT_EXEC", MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		"MAP_SHARED|MAP_FIXED|MAP_ANONYMOUS|MAP_NORESERVE", -1, NULL, 0});
	do_mmap(&(struct mapping){NULL, 0, PROT_EXEC, "PROT_EXEC", MAP_PRIVATE | MAP_ANONYMOUS, "MAP_PRIVATE|MAP_ANONYMOUS", -1,
		NULL, 0}); /* nothing of it */
	do_mmap(&(struct mapping){NULL, 1ul << 60, PROT_EXEC, "PROT_EXEC", MAP_PRIVATE | MAP_ANONYMOUS,
		"MAP_PRIVATE|MAP_ANONYMOUS", -1, NULL, 0}); /* too much */
	do_mmap(&(struct mapping){NULL, 4096, PROT_READ | PROT_EXEC, "PROT_READ|PROT_EXEC", MAP_PRIVATE, "MAP_PRIVATE", 9999, NULL,
		0});
	do_mprotect(at + 4096, 4096, PROT_READ | PROT_EXEC, "PROT_READ|PROT_EXEC");
	do_mprotect(at, 12288, PROT_READ | PROT_WRITE | PROT_EXEC, "PROT_READ|PROT_WRITE|PROT_EXEC");
	do_mprotect(at, 0, PROT_EXEC, "PROT_EXEC");
	do_mprotect(at + 1, 4096, PROT_EXEC, "PROT_EXEC"); /* not on a page's border */
	do_mprotect((void *)4096, 4096, PROT_EXEC, "PROT_EXEC"); /* nothing is there */
	do_mprotect(at, 4096, PROT_EXEC | PROT_GROWSDOWN, "PROT_EXEC|PROT_GROWSDOWN");
	do_mprotect(at, 4096, PROT_EXEC | 0x80, "PROT_EXEC"); /* no such bit */
	munmap(at, 12288);
}

static void files(void)
{
	char path[PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s/file", dir);
	int fd = open(path, O_CREAT | O_RDWR, 0644), blind = open(path, O_WRONLY), memory = memfd_create("tk memory", 0);

	need(fd >= 0 && blind >= 0 && ftruncate(fd, 16384) == 0 && ftruncate(memory, 4096) == 0, "files");
	do_mmap(&(struct mapping){NULL, 8192, PROT_READ | PROT_EXEC, "PROT_READ|PROT_EXEC", MAP_PRIVATE, "MAP_PRIVATE", fd, path,
		8192});
	do_mmap(&(struct mapping){NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, "PROT_READ|PROT_WRITE|PROT_EXEC",
		MAP_SHARED | MAP_POPULATE, "MAP_SHARED|MAP_POPULATE", fd, path, 0});
	do_mmap(&(struct mapping){NULL, 4096, PROT_READ | PROT_EXEC, "PROT_READ|PROT_EXEC", MAP_PRIVATE, "MAP_PRIVATE", blind,
		path, 0}); /* not open for reading */
	do_mmap(&(struct mapping){NULL, 4096, PROT_READ | PROT_EXEC, "PROT_READ|PROT_EXEC", MAP_PRIVATE, "MAP_PRIVATE", fd, path,
		1}); /* not on a page's border */
	do_mmap(&(struct mapping){NULL, 4096, PROT_READ | PROT_EXEC, "PROT_READ|PROT_EXEC", MAP_SHARED, "MAP_SHARED", memory,
		"tk memory", 0});
	close(fd);
	close(blind);
	close(memory);
}

int main(int argc, char **argv)
{
	need(argc == 2 && realpath(argv[1], dir), "the folder");
	truth_types("mmap", "mprotect", NULL);
	not_executable();
	anonymous();
	files();
	return 0;
}
