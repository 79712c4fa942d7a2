/* umount2, chroot and pivot_root, in a mount namespace of its own. Argument: a folder of its own. */
#include "generic.h"

#include <sched.h>
#include <sys/mount.h>

static char dir[PATH_MAX];

/* Absolute, below our folder. */
static const char *in_dir(const char *name)
{
	static char texts[8][PATH_MAX + 256];
	static int next;
	char *text = texts[next++ % 8];

	snprintf(text, sizeof(texts[0]), "%s/%s", dir, name);
	return text;
}

static void no_descriptor(void)
{
	truth_text("fd.num", NULL);
	truth_text("fd.type", NULL);
	truth_text("fd.name", NULL);
}

static void do_umount(const char *name, const char *lexical, int flags, const char *text)
{
	long result = result_of(syscall(SYS_umount2, name, flags));

	truth_begin("umount2", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.name", lexical ? lexical : "<NA>");
	truth_text("evt.arg.flags", text);
	truth_text("evt.category", "file");
	truth_text("fs.path.name", result == 0 ? lexical : NULL);
	truth_text("fs.path.nameraw", result == 0 ? name : NULL);
	truth_text("fs.path.source", NULL);
	truth_text("fs.path.target", NULL);
	no_descriptor();
	truth_end();
}

static void do_chroot(const char *path, const char *lexical)
{
	long result = result_of(syscall(SYS_chroot, path));

	truth_begin("chroot", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.path", lexical ? lexical : "<NA>");
	truth_text("evt.category", "process");
	truth_text("fd.num", NULL);
	truth_text("fd.name", NULL);
	/* more than Falco has: falco-rules.md, 4.4 does not list chroot */
	truth_text("fs.path.name", result == 0 ? lexical : NULL);
	truth_text("fs.path.nameraw", result == 0 ? path : NULL);
	truth_end();
}

/* Paths as they were at the call: one that works changes what they are relative to. */
static void do_pivot(const char *new_root, const char *new_lexical, const char *put_old, const char *old_lexical)
{
	long result = result_of(syscall(SYS_pivot_root, new_root, put_old));

	truth_begin("pivot_root", result);
	truth_generic("pivot_root", SYS_pivot_root, result);
	truth_text("evt.arg.new_root", new_lexical ? new_lexical : "<NA>");
	truth_text("evt.arg.put_old", old_lexical ? old_lexical : "<NA>");
	truth_text("evt.category", "other");
	no_descriptor();
	truth_end();
}

static void tmpfs_at(const char *path)
{
	need((mkdir(path, 0755) == 0 || errno == EEXIST) && mount("tmpfs", path, "tmpfs", 0, NULL) == 0, path);
}

static void umounts(void)
{
	tmpfs_at("host");
	do_umount(in_dir("host"), in_dir("host"), 0, "0");
	tmpfs_at("host");
	do_umount("./host/../host", in_dir("host"), MNT_DETACH | UMOUNT_NOFOLLOW, "DETACH|NOFOLLOW");
	tmpfs_at("host");
	do_umount("host", in_dir("host"), MNT_EXPIRE, "EXPIRE"); /* marks it and says EAGAIN */
	do_umount("host", in_dir("host"), MNT_EXPIRE, "EXPIRE");
	tmpfs_at("host");
	int busy = open("host", O_RDONLY | O_DIRECTORY);
	do_umount("host", in_dir("host"), 0, "0");
	need(close(busy) == 0, "close");
	do_umount("host", in_dir("host"), MNT_FORCE, "FORCE");
	do_umount("host", in_dir("host"), 0, "0"); /* no mount any more */
	do_umount("absent", in_dir("absent"), 0, "0");
	do_umount(NULL, NULL, 0, "0");
	do_umount("host", in_dir("host"), 0x40, "64"); /* no such flag */
}

static void chroot_absolute(void)
{
	do_chroot(in_dir("sub"), in_dir("sub"));
	do_chroot("/inner", "/inner");
	do_chroot("/inner", "/inner"); /* not in there */
}

static void chroot_relative(void)
{
	do_chroot("sub/../sub", in_dir("sub"));
}

static void chroot_of_nobody(void)
{
	need(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
	do_chroot("/", "/");
}

static void pivot_absolute(void)
{
	tmpfs_at("root");
	need(mkdir("root/old", 0755) == 0, "mkdir");
	do_pivot(in_dir("root"), in_dir("root"), in_dir("root/old"), in_dir("root/old"));
	do_pivot("/", "/", "/old", "/old"); /* it is the root */
}

static void pivot_relative(void)
{
	tmpfs_at("other");
	need(chdir("other") == 0 && mkdir("old", 0755) == 0, "mkdir");
	do_pivot(".", in_dir("other"), "old", in_dir("other/old"));
}

static void in_child(void (*run)(void))
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid == 0) {
		need(unshare(CLONE_NEWNS) == 0, "unshare");
		run();
		_exit(0);
	}
	need(wait_for(pid) == 0, "a child");
}

int main(int argc, char **argv)
{
	need(argc == 2 && realpath(argv[1], dir) && chdir(dir) == 0, "the folder");
	need(mkdir("sub", 0755) == 0 && mkdir("sub/inner", 0755) == 0, "mkdir");
	need(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "unshare");
	truth_types("umount2", "chroot", "pivot_root", NULL);
	umounts();
	do_chroot(in_dir("absent"), in_dir("absent"));
	do_chroot(NULL, NULL);
	in_child(chroot_absolute);
	in_child(chroot_relative);
	in_child(chroot_of_nobody);
	in_child(pivot_absolute);
	in_child(pivot_relative);
	do_pivot("absent", in_dir("absent"), "sub", in_dir("sub"));
	do_pivot(NULL, NULL, "/", "/");
	return 0;
}
