/* unlink, unlinkat, rmdir, mkdir, mkdirat, mknod and mknodat. Argument: a folder of its own. */
#include "paths.h"

#define CHR_DEV makedev(1, 3)
#define BLK_DEV makedev(7, 300)

static int here, file;

static void end_path(const char *key, long result, const struct place *p)
{
	truth_path_arg(key, p);
	truth_no_fd();
	truth_fs_path(result, p->shown, p->raw);
}

static void end_at(const char *key, long result, const struct place *p)
{
	truth_fd_arg("evt.arg.dirfd", p->dirfd);
	truth_path_arg(key, p);
	truth_fd(p->dirfd);
	truth_fs_path(result, p->shown, p->raw);
}

#ifdef SYS_mkdir
static void do_mkdir(struct place p, unsigned int mode)
{
	long result = result_of(syscall(SYS_mkdir, p.raw, mode));

	truth_call("mkdir", result, "file");
	end_path("evt.arg.path", result, &p);
	truth_textf("evt.arg.mode", "%X", mode);
	truth_end();
}
#else
#define do_mkdir do_mkdirat
#endif

static void do_mkdirat(struct place p, unsigned int mode)
{
	long result = result_of(syscall(SYS_mkdirat, p.dirfd, p.raw, mode));

	truth_call("mkdirat", result, "file");
	end_at("evt.arg.path", result, &p);
	truth_textf("evt.arg.mode", "%X", mode);
	truth_end();
}

#ifdef SYS_mknod
static void do_mknod(struct place p, unsigned int mode, const char *mode_text, unsigned int dev)
{
	long result = result_of(syscall(SYS_mknod, p.raw, mode, dev));

	truth_call("mknod", result, "other");
	end_path("evt.arg.path", result, &p);
	truth_text("evt.arg.mode", mode_text);
	truth_textf("evt.arg.dev", "%u", dev);
	truth_end();
}
#else
#define do_mknod do_mknodat
#endif

static void do_mknodat(struct place p, unsigned int mode, const char *mode_text, unsigned int dev)
{
	long result = result_of(syscall(SYS_mknodat, p.dirfd, p.raw, mode, dev));

	truth_call("mknodat", result, "other");
	end_at("evt.arg.path", result, &p);
	truth_text("evt.arg.mode", mode_text);
	truth_textf("evt.arg.dev", "%u", dev);
	truth_end();
}

#ifdef SYS_unlink
static void do_unlink(struct place p)
{
	long result = result_of(syscall(SYS_unlink, p.raw));

	truth_call("unlink", result, "file");
	end_path("evt.arg.path", result, &p);
	truth_end();
}
#else
#define do_unlink(p) do_unlinkat(p, 0, "0")
#endif

#ifdef SYS_rmdir
static void do_rmdir(struct place p)
{
	long result = result_of(syscall(SYS_rmdir, p.raw));

	truth_call("rmdir", result, "file");
	end_path("evt.arg.path", result, &p);
	truth_end();
}
#else
#define do_rmdir(p) do_unlinkat(p, AT_REMOVEDIR, "AT_REMOVEDIR")
#endif

static void do_unlinkat(struct place p, int flags, const char *flags_text)
{
	long result = result_of(syscall(SYS_unlinkat, p.dirfd, p.raw, flags));

	truth_call("unlinkat", result, "file");
	end_at("evt.arg.name", result, &p);
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

static void make(void)
{
	do_mkdir(CWD("one", in_dir("one")), 0755);
	do_mkdir(CWD(in_dir("one"), in_dir("one")), 0700);
	do_mkdir(CWD("./one//../two/", in_dir("two")), 01777);
	do_mkdir(CWD("absent/one", in_dir("absent/one")), 0);
	do_mkdir(CWD(NULL, NULL), 0750);

	do_mkdirat(CWD("three", in_dir("three")), 0711);
	do_mkdirat(AT(here, "one/inner", in_dir("one/inner")), 0755);
	do_mkdirat(AT(here, in_dir("four"), in_dir("four")), 0755);
	do_mkdirat(AT(here, "one", in_dir("one")), 0755);
	do_mkdirat(AT(file, "below", in_dir("file/below")), 0755);
	do_mkdirat(AT(NO_FD, "five", "<UNKNOWN>five"), 0755);
	do_mkdirat(AT(-1, "five", "<UNKNOWN>five"), 0755);

	do_mknod(CWD("fifo", in_dir("fifo")), S_IFIFO | 0640, "S_IRGRP|S_IWUSR|S_IRUSR|S_IFIFO", 0);
	do_mknod(CWD("plain", in_dir("plain")), 0604, "S_IROTH|S_IWUSR|S_IRUSR|S_IFREG", 0);
	do_mknod(CWD(in_dir("chr"), in_dir("chr")), S_IFCHR | 0600, "S_IWUSR|S_IRUSR|S_IFCHR", CHR_DEV);
	do_mknod(CWD("fifo", in_dir("fifo")), S_IFSOCK | 01777,
		 "S_IXOTH|S_IWOTH|S_IROTH|S_IXGRP|S_IWGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISVTX|S_IFSOCK", 0);

	do_mknodat(CWD("sock", in_dir("sock")), S_IFSOCK | 0, "S_IFSOCK", 0);
	do_mknodat(AT(here, "one/blk", in_dir("one/blk")), S_IFBLK | 06100, "S_IXUSR|S_ISGID|S_ISUID|S_IFBLK", BLK_DEV);
	do_mknodat(AT(here, "one/reg", in_dir("one/reg")), S_IFREG | 0010, "S_IXGRP|S_IFREG", 0);
	do_mknodat(AT(here, in_dir("reg"), in_dir("reg")), S_IFREG | 0400, "S_IRUSR|S_IFREG", 0);
	do_mknodat(AT(NO_FD, "reg", "<UNKNOWN>reg"), S_IFREG | 0002, "S_IWOTH|S_IFREG", 0);
}

static void take_away(void)
{
	do_unlink(CWD("fifo", in_dir("fifo")));
	do_unlink(CWD("one/../plain", in_dir("plain")));
	do_unlink(CWD(in_dir("absent"), in_dir("absent")));
	do_unlink(CWD("one", in_dir("one")));
	do_unlink(CWD(NULL, NULL));

	do_unlinkat(CWD("sock", in_dir("sock")), 0, "0");
	do_unlinkat(AT(here, "one/blk", in_dir("one/blk")), 0, "0");
	do_unlinkat(AT(here, in_dir("reg"), in_dir("reg")), 0, "0");
	do_unlinkat(AT(here, "one/inner", in_dir("one/inner")), AT_REMOVEDIR, "AT_REMOVEDIR");
	do_unlinkat(AT(here, "one", in_dir("one")), AT_REMOVEDIR, "AT_REMOVEDIR");
	do_unlinkat(AT(here, "two", in_dir("two")), AT_REMOVEDIR | 1, "AT_REMOVEDIR");
	do_unlinkat(AT(file, "below", in_dir("file/below")), 0, "0");
	do_unlinkat(AT(NO_FD, "one", "<UNKNOWN>one"), 0, "0");
	do_unlinkat(AT(NO_FD, in_dir("one/reg"), in_dir("one/reg")), 0, "0"); /* absolute: works */

	do_rmdir(CWD("two/", in_dir("two")));
	do_rmdir(CWD(in_dir("three"), in_dir("three")));
	do_rmdir(CWD("absent", in_dir("absent")));
	do_rmdir(CWD("file", in_dir("file")));
}

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
	put_file("file", "text");
	here = open(dir, O_RDONLY | O_DIRECTORY);
	file = open("file", O_RDONLY);
	need(here >= 0 && file >= 0, "the folder's contents");
	truth_types("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknod", "mknodat", NULL);
	make();
	take_away();
	return 0;
}
