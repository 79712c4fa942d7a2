/* link, linkat, symlink and symlinkat. Argument: a folder of its own. */
#include "paths.h"

static int here, sub, path_only;

/* In Falco's words the source of a link is what is made, and the target what that leads to. */
static void truth_made(const char *type, long result, const struct place *target, const struct place *made)
{
	truth_call(type, result, "file");
	truth_fs_two(result, made, target);
}

#ifdef SYS_link
static void do_link(struct place old, struct place new)
{
	long result = result_of(syscall(SYS_link, old.raw, new.raw));

	truth_made("link", result, &old, &new);
	truth_path_arg("evt.arg.oldpath", &old);
	truth_path_arg("evt.arg.newpath", &new);
	truth_no_fd();
	truth_end();
}
#else
#define do_link(old, new) do_linkat(old, new, 0, "0")
#endif

static void do_linkat(struct place old, struct place new, int flags, const char *flags_text)
{
	long result = result_of(syscall(SYS_linkat, old.dirfd, old.raw, new.dirfd, new.raw, flags));

	truth_made("linkat", result, &old, &new);
	truth_fd_arg("evt.arg.olddir", old.dirfd);
	truth_path_arg("evt.arg.oldpath", &old);
	truth_fd_arg("evt.arg.newdir", new.dirfd);
	truth_path_arg("evt.arg.newpath", &new);
	truth_text("evt.arg.flags", flags_text);
	truth_no_fd();
	truth_end();
}

/* What a link is to hold is a text: evt.arg.target is as given. */
#ifdef SYS_symlink
static void do_symlink(struct place target, struct place link)
{
	long result = result_of(syscall(SYS_symlink, target.raw, link.raw));

	truth_made("symlink", result, &target, &link);
	truth_text("evt.arg.target", target.raw ? target.raw : "<NA>");
	truth_path_arg("evt.arg.linkpath", &link);
	truth_no_fd();
	truth_end();
}
#else
#define do_symlink do_symlinkat
#endif

static void do_symlinkat(struct place target, struct place link)
{
	long result = result_of(syscall(SYS_symlinkat, target.raw, link.dirfd, link.raw));

	truth_made("symlinkat", result, &target, &link);
	truth_text("evt.arg.target", target.raw ? target.raw : "<NA>");
	truth_fd_arg("evt.arg.linkdirfd", link.dirfd);
	truth_path_arg("evt.arg.linkpath", &link);
	truth_fd(link.dirfd);
	truth_end();
}

static void hard(void)
{
	do_link(CWD("file", in_dir("file")), CWD("one", in_dir("one")));
	do_link(CWD(in_dir("file"), in_dir("file")), CWD("sub/../sub/two", in_dir("sub/two")));
	do_link(CWD("file", in_dir("file")), CWD("one", in_dir("one")));
	do_link(CWD("absent", in_dir("absent")), CWD("three", in_dir("three")));
	do_link(CWD("sub", in_dir("sub")), CWD("three", in_dir("three")));
	do_link(CWD(NULL, NULL), CWD("three", in_dir("three")));

	do_linkat(CWD("file", in_dir("file")), CWD("four", in_dir("four")), 0, "0");
	do_linkat(AT(sub, "two", in_dir("sub/two")), AT(here, "./five", in_dir("five")), 0, "0");
	do_linkat(AT(here, "link", in_dir("link")), AT(sub, "six", in_dir("sub/six")), AT_SYMLINK_FOLLOW,
		  "AT_SYMLINK_FOLLOW");
	do_linkat(AT(sub, in_dir("file"), in_dir("file")), AT(here, in_dir("seven"), in_dir("seven")), 0, "0");
	do_linkat(AT(sub, "absent", in_dir("sub/absent")), AT(here, "x", in_dir("x")), 0, "0");
	do_linkat(AT(path_only, "below", in_dir("file/below")), AT(here, "x", in_dir("x")), 0, "0");
	do_linkat(CWD("file", in_dir("file")), AT(NO_FD, "x", "<UNKNOWN>x"), AT_SYMLINK_FOLLOW | AT_EMPTY_PATH,
		  "AT_SYMLINK_FOLLOW|AT_EMPTY_PATH");
}

static void soft(void)
{
	do_symlink(CWD("file", in_dir("file")), CWD("soft1", in_dir("soft1")));
	do_symlink(CWD("/no/../where", "/where"), CWD("sub/soft2", in_dir("sub/soft2")));
	do_symlink(CWD("file", in_dir("file")), CWD(in_dir("soft1"), in_dir("soft1")));
	do_symlink(CWD("file", in_dir("file")), CWD("absent/soft", in_dir("absent/soft")));
	do_symlink(CWD(NULL, NULL), CWD("soft", in_dir("soft")));

	do_symlinkat(CWD("sub/two", in_dir("sub/two")), CWD("soft3", in_dir("soft3")));
	do_symlinkat(CWD("./file", in_dir("file")), AT(here, "soft4", in_dir("soft4")));
	do_symlinkat(CWD("/etc", "/etc"), AT(sub, "soft5", in_dir("sub/soft5")));
	do_symlinkat(CWD("/etc", "/etc"), AT(sub, in_dir("soft6"), in_dir("soft6")));
	do_symlinkat(CWD("/etc", "/etc"), AT(sub, "soft5", in_dir("sub/soft5")));
	do_symlinkat(CWD("/etc", "/etc"), AT(path_only, "below", in_dir("file/below")));
	do_symlinkat(CWD("/etc", "/etc"), AT(NO_FD, "soft7", "<UNKNOWN>soft7"));
}

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
	need(mkdir("sub", 0755) == 0, "the folder's contents");
	put_file("file", "text");
	here = open(dir, O_RDONLY | O_DIRECTORY);
	sub = open("sub", O_RDONLY | O_DIRECTORY);
	path_only = open("file", O_PATH);
	need(here >= 0 && sub >= 0 && path_only >= 0, "the folder's contents");
	truth_types("link", "linkat", "symlink", "symlinkat", NULL);
	do_symlink(CWD("file", in_dir("file")), CWD("link", in_dir("link")));
	hard();
	soft();
	return 0;
}
