/* truncate, ftruncate, utime, utimes, futimesat and utimensat. Argument: a folder of its own. */
#include "paths.h"

#include <sys/time.h>
#include <utime.h>

static int here, file, reader;

static void end_path(long result, const struct place *p)
{
	truth_path_arg("evt.arg.path", p);
	truth_no_fd();
	if (p->shown)
		truth_fs_path(result, p->shown, p->raw);
}

static void do_truncate(struct place p, long length)
{
	long result = result_of(syscall(SYS_truncate, p.raw, length));

	truth_generic("truncate", SYS_truncate, result);
	end_path(result, &p);
	truth_textf("evt.arg.length", "%lu", length);
	truth_end();
}

static void do_ftruncate(int fd, long length)
{
	long result = result_of(syscall(SYS_ftruncate, fd, length));

	truth_generic("ftruncate", SYS_ftruncate, result);
	truth_textf("evt.arg.length", "%lu", length);
	truth_fd_call(result, fd);
	truth_end();
}

#ifdef SYS_utime
static void do_utime(struct place p, const struct utimbuf *times)
{
	long result = result_of(syscall(SYS_utime, p.raw, times));

	truth_generic("utime", SYS_utime, result);
	end_path(result, &p);
	truth_end();
}

static void do_utimes(struct place p, const struct timeval *times)
{
	long result = result_of(syscall(SYS_utimes, p.raw, times));

	truth_generic("utimes", SYS_utimes, result);
	end_path(result, &p);
	truth_end();
}

static void do_futimesat(struct place p, const struct timeval *times)
{
	long result = result_of(syscall(SYS_futimesat, p.dirfd, p.raw, times));

	truth_generic("futimesat", SYS_futimesat, result);
	truth_fd_arg("evt.arg.dirfd", p.dirfd);
	end_path(result, &p);
	truth_end();
}
#endif

static void do_utimensat(struct place p, const struct timespec *times, int flags, const char *flags_text)
{
	long result = result_of(syscall(SYS_utimensat, p.dirfd, p.raw, times, flags));

	truth_generic("utimensat", SYS_utimensat, result);
	truth_fd_arg("evt.arg.dirfd", p.dirfd);
	end_path(result, &p);
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

static void sizes(void)
{
	do_truncate(CWD("file", in_dir("file")), 0);
	do_truncate(CWD("sub/../file", in_dir("file")), 5000000000);
	do_truncate(CWD(in_dir("absent"), in_dir("absent")), 1);
	do_truncate(CWD("file", in_dir("file")), -1);
	do_truncate(CWD("sub", in_dir("sub")), 1);
	do_truncate(CWD(NULL, NULL), 1);

	do_ftruncate(file, 4096);
	do_ftruncate(file, -2);
	do_ftruncate(reader, 1);
	do_ftruncate(NO_FD, 1);
}

static void times(void)
{
#ifdef SYS_utime
	static const struct utimbuf second = {1, 2};
	static const struct timeval micro[2] = {{3, 4}, {5, 6}}, wrong_micro[2] = {{3, 4000000}, {5, 6}};
#endif
	static const struct timespec nano[2] = {{7, 8}, {0, UTIME_OMIT}}, wrong_nano[2] = {{1, 1000000000}, {1, 1}};

#ifdef SYS_utime
	do_utime(CWD("file", in_dir("file")), &second);
	do_utime(CWD(in_dir("file"), in_dir("file")), NULL);
	do_utime(CWD("absent/x", in_dir("absent/x")), NULL);
	do_utimes(CWD("./file", in_dir("file")), micro);
	do_utimes(CWD("link", in_dir("link")), NULL);
	do_utimes(CWD("file", in_dir("file")), wrong_micro);
	do_utimes(CWD("absent", in_dir("absent")), micro);

	do_futimesat(CWD("file", in_dir("file")), micro);
	do_futimesat(AT(here, "sub/inner", in_dir("sub/inner")), micro);
	do_futimesat(AT(here, in_dir("file"), in_dir("file")), NULL);
	do_futimesat(AT(file, NULL, NULL), micro);
	do_futimesat(AT(here, "absent", in_dir("absent")), micro);
	do_futimesat(AT(NO_FD, "file", "<UNKNOWN>file"), micro);
#endif

	do_utimensat(CWD("file", in_dir("file")), nano, 0, "0");
	do_utimensat(AT(here, "link", in_dir("link")), nano, AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW");
	do_utimensat(AT(here, "", NULL), nano, AT_EMPTY_PATH, "AT_EMPTY_PATH");
	do_utimensat(AT(file, NULL, NULL), NULL, 0, "0");
	do_utimensat(AT(here, in_dir("file"), in_dir("file")), NULL, 0, "0");
	do_utimensat(AT(here, "file", in_dir("file")), wrong_nano, 0, "0");
	do_utimensat(AT(file, "below", in_dir("file/below")), nano, 0, "0");
	do_utimensat(AT(NO_FD, "file", "<UNKNOWN>file"), nano, 0, "0");
}

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
	need(mkdir("sub", 0755) == 0 && symlink("file", "link") == 0, "the folder's contents");
	put_file("file", "text");
	put_file("sub/inner", "text");
	here = open(dir, O_RDONLY | O_DIRECTORY);
	file = open("file", O_RDWR);
	reader = open("file", O_RDONLY);
	need(here >= 0 && file >= 0 && reader >= 0, "the folder's contents");
	truth_types("truncate", "ftruncate", "utime", "utimes", "futimesat", "utimensat", NULL);
	sizes();
	times();
	return 0;
}
