/* Calls that change the kernel: modules and kexec, each as it is refused. Where TK_MODULE names a module's file (the kernel matrix does)
 * that one is loaded and unloaded, by bytes and by descriptor. A kernel without the calls has nothing to state. */
#include "generic.h"
#include "io.h"

#include <sys/mman.h>

static const char garbage[] = "no module, and more bytes of it than an event keeps: the rest of them is left out by the sensor";

/* Asked of the kernel's own list: a call made to find out would be an event. */
static bool there(const char *call)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/syscalls/sys_exit_%s", call);
	return access(path, F_OK) == 0;
}

/* A text that is empty is none. */
static const char *shown(const char *text)
{
	return text && *text ? text : "<NA>";
}

static void do_init(const void *image, unsigned long length, const char *parameters)
{
	long result = result_of(syscall(SYS_init_module, image, length, parameters));

	truth_begin("init_module", result);
	truth_errno_arg("evt.arg.res", result);
	truth_data_arg("evt.arg.img", image, length);
	truth_textf("evt.arg.length", "%lu", length);
	truth_text("evt.arg.uargs", shown(parameters));
	truth_text("fd.num", NULL);
	truth_end();
}

static void do_finit(int fd, const char *parameters, int flags, const char *flags_text)
{
	long result = result_of(syscall(SYS_finit_module, fd, parameters, flags));
	struct seen s = look(fd);

	truth_begin("finit_module", result);
	truth_errno_arg("evt.arg.res", result);
	if (s.num < 0)
		truth_absent_descriptor(fd);
	else
		truth_fd_arg("evt.arg.fd", fd, &s);
	truth_text("evt.arg.uargs", shown(parameters));
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

static void do_delete(const char *name, unsigned int flags, const char *flags_text)
{
	long result = result_of(syscall(SYS_delete_module, name, flags));

	truth_begin("delete_module", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.name", shown(name));
	truth_text("evt.arg.flags", flags_text);
	truth_text("fd.num", NULL);
	truth_end();
}

static void do_kexec(unsigned long entry, unsigned long flags)
{
	long result = result_of(syscall(SYS_kexec_load, entry, 0, NULL, flags));

	need(result < 0, "kexec_load with flags that do not exist");
	truth_begin("kexec_load", result);
	truth_generic("kexec_load", SYS_kexec_load, result);
	truth_textf("evt.arg.entry", "%lX", entry);
	truth_text("evt.arg.nr_segments", "0");
	truth_textf("evt.arg.flags", "%lX", flags);
	truth_end();
}

static void do_kexec_file(int fd, const char *line, unsigned long flags)
{
	long result = result_of(syscall(SYS_kexec_file_load, fd, -1, strlen(line) + 1, line, flags));
	struct seen s = look(fd);

	need(result < 0, "kexec_file_load with flags that do not exist");
	truth_begin("kexec_file_load", result);
	truth_generic("kexec_file_load", SYS_kexec_file_load, result);
	if (s.num < 0)
		truth_absent_descriptor(fd);
	else
		truth_fd_arg("evt.arg.fd", fd, &s);
	truth_text("evt.arg.cmdline", shown(line));
	truth_textf("evt.arg.flags", "%lX", flags);
	truth_end();
}

static void refused(int program)
{
	do_init(garbage, sizeof(garbage) - 1, "first=1 second=two");
	do_init(garbage, 3, "");
	do_init(NULL, 0, NULL);
	do_finit(ABSENT_FD, "a=b", 0, "0");
	do_finit(-1, NULL, 0, "0");
	do_finit(program, "a=b", 3, "MODULE_INIT_IGNORE_MODVERSIONS|MODULE_INIT_IGNORE_VERMAGIC");
	do_finit(program, "", 0, "0");
	do_delete("tk_no_such_module", O_NONBLOCK, "O_NONBLOCK");
	do_delete("tk_no_such_module", O_NONBLOCK | O_TRUNC, "O_NONBLOCK|O_TRUNC");
	do_delete(NULL, 0, "0");
}

static void taken(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char name[64];

	need(fd >= 0 && fstat(fd, &st) == 0, path);
	void *image = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	need(image != MAP_FAILED, "mmap");
	snprintf(name, sizeof(name), "%s", strrchr(path, '/') + 1);
	name[strcspn(name, ".")] = 0;

	do_init(image, st.st_size, "");
	do_init(image, st.st_size, ""); /* EEXIST */
	do_delete(name, O_NONBLOCK, "O_NONBLOCK");
	do_finit(fd, "tk_no_such_parameter=1", 0, "0"); /* warned of, and taken */
	do_delete(name, O_NONBLOCK, "O_NONBLOCK");
	do_delete(name, O_NONBLOCK, "O_NONBLOCK"); /* ENOENT */
}

int main(void)
{
	const char *path = getenv("TK_MODULE");
	int program = open("/proc/self/exe", O_RDONLY);

	need(program >= 0, "the program's file");
	if (!there("delete_module") && !there("kexec_load"))
		return 0;
	truth_types("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", NULL);
	if (there("delete_module"))
		refused(program);
	if (path && there("delete_module"))
		taken(path);
	if (there("kexec_load"))
		do_kexec(0x1234, 0xfff0);
	if (there("kexec_file_load")) {
		do_kexec_file(program, "tk=1 quiet", 0xfff0);
		do_kexec_file(ABSENT_FD, "", 0xfff0);
	}
	return 0;
}
