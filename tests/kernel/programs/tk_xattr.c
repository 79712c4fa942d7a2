/* setxattr, lsetxattr, fsetxattr, removexattr, lremovexattr, fremovexattr. Argument: a folder of its own. */
#include "paths.h"

#include <sys/xattr.h>

/* One of the six calls. */
struct change {
	const char *type;
	long nr;
	bool sets;
};

static const struct change set = {"setxattr", SYS_setxattr, true}, lset = {"lsetxattr", SYS_lsetxattr, true},
			   fset = {"fsetxattr", SYS_fsetxattr, true},
			   rem = {"removexattr", SYS_removexattr, false},
			   lrem = {"lremovexattr", SYS_lremovexattr, false},
			   frem = {"fremovexattr", SYS_fremovexattr, false};

static long changed(const struct change *c, long target, const char *key, int flags)
{
	if (c->sets)
		return result_of(syscall(c->nr, target, key, "value", 5L, (long)flags));
	return result_of(syscall(c->nr, target, key));
}

static void of_path(const struct change *c, struct place p, const char *key, int flags)
{
	long result = changed(c, (long)p.raw, key, flags);

	truth_generic(c->type, c->nr, result);
	truth_path_arg("evt.arg.path", &p);
	truth_text("evt.arg.name", key ? key : "<NA>");
	truth_no_fd();
	truth_fs_path(result, p.shown, p.raw);
	truth_end();
}

static void of_fd(const struct change *c, int fd, const char *key, int flags)
{
	long result = changed(c, fd, key, flags);

	truth_generic(c->type, c->nr, result);
	truth_text("evt.arg.name", key ? key : "<NA>");
	truth_fd_call(result, fd);
	truth_end();
}

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
	need(mkdir("sub", 0755) == 0 && symlink("file", "link") == 0, "the folder's contents");
	put_file("file", "text");
	int file = open("file", O_RDWR), sub = open("sub", O_RDONLY | O_DIRECTORY);
	need(file >= 0 && sub >= 0, "the folder's contents");
	truth_types("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", NULL);

	/* whether the file system keeps such attributes is in the results */
	of_path(&set, CWD("file", in_dir("file")), "user.tk", 0);
	of_path(&set, CWD(in_dir("sub"), in_dir("sub")), "trusted.tk", XATTR_CREATE);
	of_path(&set, CWD("sub/../file", in_dir("file")), "trusted.tk", 0);
	of_path(&set, CWD("file", in_dir("file")), "user.absent", XATTR_REPLACE);
	of_path(&set, CWD("file", in_dir("file")), "no such kind", 0);
	of_path(&set, CWD("absent", in_dir("absent")), "user.tk", 0);
	of_path(&set, CWD("file", in_dir("file")), NULL, 0);
	of_path(&set, CWD(NULL, NULL), "user.tk", 0);
	of_path(&lset, CWD("link", in_dir("link")), "trusted.tk", 0);
	of_path(&lset, CWD("link", in_dir("link")), "user.tk", 0);
	of_fd(&fset, file, "user.fd", XATTR_CREATE);
	of_fd(&fset, sub, "trusted.fd", 0);
	of_fd(&fset, file, "user.fd", XATTR_CREATE);
	of_fd(&fset, NO_FD, "user.fd", 0);

	of_path(&rem, CWD("./file", in_dir("file")), "user.tk", 0);
	of_path(&rem, CWD("file", in_dir("file")), "user.tk", 0);
	of_path(&rem, CWD(in_dir("absent"), in_dir("absent")), "user.tk", 0);
	of_path(&lrem, CWD("link", in_dir("link")), "trusted.tk", 0);
	of_path(&lrem, CWD("link", in_dir("link")), "trusted.tk", 0);
	of_fd(&frem, file, "user.fd", 0);
	of_fd(&frem, sub, "trusted.absent", 0);
	of_fd(&frem, -1, "user.fd", 0);
	return 0;
}
