/* chmod, fchmodat, fchmod, chown, lchown, fchownat and fchown. Argument: a folder of its own. */
#include "paths.h"

#define MODE_0755 "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR"
#define MODE_7777 "S_IXOTH|S_IWOTH|S_IROTH|S_IXGRP|S_IWGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISVTX|S_ISGID|S_ISUID"

static int here, file, path_only;

#ifdef SYS_chmod
static void do_chmod(struct place p, unsigned int mode, const char *text)
{
	long result = result_of(syscall(SYS_chmod, p.raw, mode));

	truth_call("chmod", result, "file");
	truth_path_arg("evt.arg.filename", &p);
	truth_text("evt.arg.mode", text);
	truth_no_fd();
	truth_fs_path(result, p.shown, p.raw);
	truth_end();
}
#else
#define do_chmod do_fchmodat
#endif

static void do_fchmodat(struct place p, unsigned int mode, const char *text)
{
	long result = result_of(syscall(SYS_fchmodat, p.dirfd, p.raw, mode));

	truth_call("fchmodat", result, "file");
	truth_fd_arg("evt.arg.dirfd", p.dirfd);
	truth_path_arg("evt.arg.filename", &p);
	truth_text("evt.arg.mode", text);
	truth_fd(p.dirfd);
	truth_fs_path(result, p.shown, p.raw);
	truth_end();
}

static void do_fchmod(int fd, unsigned int mode, const char *text)
{
	long result = result_of(syscall(SYS_fchmod, fd, mode));

	truth_call("fchmod", result, "file");
	truth_text("evt.arg.mode", text);
	truth_fd_call(result, fd);
	truth_end();
}

static void owners(unsigned int uid, unsigned int gid)
{
	truth_textf("evt.arg.uid", "%u", uid);
	truth_textf("evt.arg.gid", "%u", gid);
}

#ifdef SYS_chown
static void do_chown(bool of_link, struct place p, unsigned int uid, unsigned int gid)
{
	long result = result_of(syscall(of_link ? SYS_lchown : SYS_chown, p.raw, uid, gid));

	truth_call(of_link ? "lchown" : "chown", result, "file");
	truth_path_arg("evt.arg.path", &p);
	owners(uid, gid);
	truth_no_fd();
	truth_fs_path(result, p.shown, p.raw);
	truth_end();
}
#else
#define do_chown(of_link, p, uid, gid) \
	do_fchownat(p, uid, gid, of_link ? AT_SYMLINK_NOFOLLOW : 0, of_link ? "AT_SYMLINK_NOFOLLOW" : "0")
#endif

static void do_fchownat(struct place p, unsigned int uid, unsigned int gid, int flags, const char *flags_text)
{
	long result = result_of(syscall(SYS_fchownat, p.dirfd, p.raw, uid, gid, flags));

	truth_call("fchownat", result, "file");
	truth_fd_arg("evt.arg.dirfd", p.dirfd);
	truth_path_arg("evt.arg.pathname", &p);
	owners(uid, gid);
	truth_text("evt.arg.flags", flags_text);
	truth_fd(p.dirfd);
	if (p.shown)
		truth_fs_path(result, p.shown, p.raw);
	truth_end();
}

static void do_fchown(int fd, unsigned int uid, unsigned int gid)
{
	long result = result_of(syscall(SYS_fchown, fd, uid, gid));

	truth_call("fchown", result, "file");
	owners(uid, gid);
	truth_fd_call(result, fd);
	truth_end();
}

static void modes(void)
{
	do_chmod(CWD("file", in_dir("file")), 0755, MODE_0755);
	do_chmod(CWD(in_dir("file"), in_dir("file")), 07777, MODE_7777);
	do_chmod(CWD("sub/./../file", in_dir("file")), 0, "0");
	do_chmod(CWD("link", in_dir("link")), S_IFREG | 04600, "S_IWUSR|S_IRUSR|S_ISUID");
	do_chmod(CWD("absent", in_dir("absent")), 0644, "S_IROTH|S_IRGRP|S_IWUSR|S_IRUSR");
	do_chmod(CWD(NULL, NULL), 02001, "S_IXOTH|S_ISGID");

	do_fchmodat(CWD("file", in_dir("file")), 0755, MODE_0755);
	do_fchmodat(AT(here, "sub/inner", in_dir("sub/inner")), 0640, "S_IRGRP|S_IWUSR|S_IRUSR");
	do_fchmodat(AT(here, in_dir("sub"), in_dir("sub")), 01700, "S_IXUSR|S_IWUSR|S_IRUSR|S_ISVTX");
	do_fchmodat(AT(here, "absent", in_dir("absent")), 0, "0");
	do_fchmodat(AT(file, "below", in_dir("file/below")), 0755, MODE_0755);
	do_fchmodat(AT(NO_FD, "file", "<UNKNOWN>file"), 0755, MODE_0755);

	do_fchmod(file, 0640, "S_IRGRP|S_IWUSR|S_IRUSR");
	do_fchmod(here, 0755, MODE_0755);
	do_fchmod(path_only, 0755, MODE_0755); /* EBADF, but there is a descriptor */
	do_fchmod(NO_FD, 0, "0");
	do_fchmod(-1, 0755, MODE_0755);
}

static void who(void)
{
	do_chown(false, CWD("file", in_dir("file")), 0, 0);
	do_chown(false, CWD(in_dir("sub"), in_dir("sub")), -1, 12345);
	do_chown(false, CWD("absent", in_dir("absent")), 12345, -1);
	do_chown(true, CWD("link", in_dir("link")), 65534, 65534);
	do_chown(true, CWD("sub/..//link", in_dir("link")), -1, -1);
	do_chown(true, CWD("file/below", in_dir("file/below")), 0, 0);

	do_fchownat(CWD("file", in_dir("file")), 1, 2, 0, "0");
	do_fchownat(AT(here, "link", in_dir("link")), -1, 3, AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW");
	do_fchownat(AT(file, "", NULL), 4, -1, AT_EMPTY_PATH, "AT_EMPTY_PATH");
	do_fchownat(AT(path_only, "", NULL), 0, 0, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
		    "AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH");
	do_fchownat(AT(here, in_dir("file"), in_dir("file")), 0, 0, 0, "0");
	do_fchownat(AT(here, "absent", in_dir("absent")), 0, 0, 0, "0");
	do_fchownat(AT(NO_FD, "file", "<UNKNOWN>file"), 0, 0, 0, "0");

	do_fchown(file, 12345, 54321);
	do_fchown(here, -1, -1);
	do_fchown(path_only, 0, 0);
	do_fchown(NO_FD, 0, 0);
}

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
	need(mkdir("sub", 0755) == 0 && symlink("file", "link") == 0, "the folder's contents");
	put_file("file", "text");
	put_file("sub/inner", "text");
	here = open(dir, O_RDONLY | O_DIRECTORY);
	file = open("file", O_RDWR);
	path_only = open("sub/inner", O_PATH);
	need(here >= 0 && file >= 0 && path_only >= 0, "the folder's contents");
	truth_types("chmod", "fchmodat", "fchmod", "chown", "lchown", "fchownat", "fchown", NULL);
	modes();
	who();
	return 0;
}
