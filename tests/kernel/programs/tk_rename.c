/* rename, renameat and renameat2 with flags. Argument: a folder of its own. */
#include "paths.h"

#include <linux/fs.h>

static int here, sub, file;

static void end_two(const char *type, long result, const struct place *from, const struct place *to)
{
	truth_call(type, result, "file");
	truth_path_arg("evt.arg.oldpath", from);
	truth_path_arg("evt.arg.newpath", to);
	truth_no_fd();
	truth_fs_two(result, from, to);
}

#ifdef SYS_rename
static void do_rename(struct place from, struct place to)
{
	long result = result_of(syscall(SYS_rename, from.raw, to.raw));

	end_two("rename", result, &from, &to);
	truth_end();
}
#else
#define do_rename do_renameat
#endif

static void do_renameat(struct place from, struct place to)
{
	long result = result_of(syscall(SYS_renameat, from.dirfd, from.raw, to.dirfd, to.raw));

	end_two("renameat", result, &from, &to);
	truth_fd_arg("evt.arg.olddirfd", from.dirfd);
	truth_fd_arg("evt.arg.newdirfd", to.dirfd);
	truth_end();
}

static void do_renameat2(struct place from, struct place to, unsigned int flags, const char *flags_text)
{
	long result = result_of(syscall(SYS_renameat2, from.dirfd, from.raw, to.dirfd, to.raw, flags));

	end_two("renameat2", result, &from, &to);
	truth_fd_arg("evt.arg.olddirfd", from.dirfd);
	truth_fd_arg("evt.arg.newdirfd", to.dirfd);
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
	need(mkdir("sub", 0755) == 0, "the folder's contents");
	put_file("a", "a");
	put_file("b", "b");
	put_file("file", "text");
	here = open(dir, O_RDONLY | O_DIRECTORY);
	sub = open("sub", O_RDONLY | O_DIRECTORY);
	file = open("file", O_RDONLY);
	need(here >= 0 && sub >= 0 && file >= 0, "the folder's contents");
	truth_types("rename", "renameat", "renameat2", NULL);

	do_rename(CWD("a", in_dir("a")), CWD("sub/../c", in_dir("c")));
	do_rename(CWD(in_dir("c"), in_dir("c")), CWD("./sub//a", in_dir("sub/a")));
	do_rename(CWD("absent", in_dir("absent")), CWD("a", in_dir("a")));
	do_rename(CWD("b", in_dir("b")), CWD("sub", in_dir("sub")));
	do_rename(CWD(NULL, NULL), CWD("a", in_dir("a")));
	do_rename(CWD("b", in_dir("b")), CWD(NULL, NULL));

	do_renameat(AT(sub, "a", in_dir("sub/a")), CWD("a", in_dir("a")));
	do_renameat(AT(here, "a", in_dir("a")), AT(sub, "../sub/d", in_dir("sub/d")));
	do_renameat(AT(sub, in_dir("sub/d"), in_dir("sub/d")), AT(here, in_dir("d"), in_dir("d")));
	do_renameat(AT(sub, "absent", in_dir("sub/absent")), AT(here, "x", in_dir("x")));
	do_renameat(AT(file, "below", in_dir("file/below")), AT(here, "x", in_dir("x")));
	do_renameat(CWD("d", in_dir("d")), AT(NO_FD, "x", "<UNKNOWN>x"));
	do_renameat(AT(-1, "d", "<UNKNOWN>d"), CWD("x", in_dir("x")));

	do_renameat2(CWD("d", in_dir("d")), AT(sub, "e", in_dir("sub/e")), 0, "0");
	do_renameat2(AT(sub, "e", in_dir("sub/e")), CWD("e", in_dir("e")), RENAME_NOREPLACE, "RENAME_NOREPLACE");
	do_renameat2(CWD("e", in_dir("e")), CWD("b", in_dir("b")), RENAME_NOREPLACE, "RENAME_NOREPLACE");
	do_renameat2(CWD("e", in_dir("e")), AT(here, "b", in_dir("b")), RENAME_EXCHANGE, "RENAME_EXCHANGE");
	do_renameat2(CWD("e", in_dir("e")), CWD("f", in_dir("f")), RENAME_WHITEOUT, "RENAME_WHITEOUT");
	do_renameat2(CWD("f", in_dir("f")), CWD("g", in_dir("g")), RENAME_NOREPLACE | RENAME_EXCHANGE,
		     "RENAME_NOREPLACE|RENAME_EXCHANGE");
	do_renameat2(AT(NO_FD, "f", "<UNKNOWN>f"), AT(NO_FD, in_dir("g"), in_dir("g")), 0, "0");
	return 0;
}
