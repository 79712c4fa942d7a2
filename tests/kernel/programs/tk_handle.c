/* open_by_handle_at, with handles of name_to_handle_at. Argument: a folder of its own. */
#include "paths.h"

union handle {
	struct file_handle h;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static int here;

static bool get_handle(const char *name, union handle *to)
{
	int mount_id;

	to->h.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(AT_FDCWD, name, &to->h, &mount_id, 0) == 0;
}

static struct place mount_place(int mount_fd, const char *shown)
{
	return AT(mount_fd, NULL, shown);
}

/* where: the mount's descriptor, and the path of what the handle is of. */
static void do_open(struct place where, const union handle *handle, int flags, const char *flags_text)
{
	long fd = result_of(syscall(SYS_open_by_handle_at, where.dirfd, handle, flags));
	bool reads = (flags & O_ACCMODE) != O_WRONLY, writes = (flags & O_ACCMODE) != O_RDONLY;
	struct stat st = {};

	if (fd >= 0)
		need(fstat(fd, &st) == 0, "fstat");
	truth_begin("open_by_handle_at", fd);
	truth_fd_arg("evt.arg.fd", fd);
	truth_fd_arg("evt.arg.mountfd", where.dirfd);
	truth_text("evt.arg.flags", flags_text);
	truth_text("evt.arg.path", fd >= 0 ? where.shown : "<NA>");
	truth_textf("evt.arg.dev", "%lX", (unsigned long)st.st_dev);
	truth_textf("evt.arg.ino", "%lu", (unsigned long)st.st_ino);
	truth_text("evt.category", "file");
	truth_bool("evt.is_open_read", reads);
	truth_bool("evt.is_open_write", writes);
	truth_bool("evt.is_open_create", false);
	if (fd >= 0) {
		truth_fd(fd);
		truth_text("fd.nameraw", where.shown);
		truth_text("fd.realpath", where.shown);
	} else {
		truth_text("fd.num", NULL);
		truth_text("fd.ino", NULL);
		truth_text("fd.dev.major", NULL);
	}
	truth_end();
	if (fd >= 0)
		syscall(SYS_close, fd);
}

int main(int argc, char **argv)
{
	union handle of_file, of_sub, gone, bad;

	enter_folder(argc, argv);
	put_file("file", "text");
	if (!get_handle("file", &of_file)) {
		own_mounts();
		own_tmpfs(dir);
		need(chdir(dir) == 0, "chdir");
		put_file("file", "text");
	}
	put_file("gone", "text");
	need(mkdir("sub", 0755) == 0 && get_handle("file", &of_file) && get_handle("sub", &of_sub) &&
	     get_handle("gone", &gone) && unlink("gone") == 0, "the handles");
	bad = of_file;
	bad.h.handle_bytes = MAX_HANDLE_SZ + 1;
	here = open(dir, O_RDONLY | O_DIRECTORY);
	need(here >= 0, "open");
	truth_types("open_by_handle_at", NULL);

	do_open(mount_place(AT_FDCWD, in_dir("file")), &of_file, O_RDONLY, "O_RDONLY");
	do_open(mount_place(here, in_dir("file")), &of_file, O_RDWR | O_APPEND | O_CLOEXEC,
		"O_APPEND|O_RDWR|O_CLOEXEC");
	do_open(mount_place(here, in_dir("file")), &of_file, O_WRONLY | O_TRUNC, "O_TRUNC|O_WRONLY");
	do_open(mount_place(here, in_dir("sub")), &of_sub, O_RDONLY | O_DIRECTORY, "O_DIRECTORY|O_RDONLY");
	do_open(mount_place(here, NULL), &gone, O_RDONLY, "O_RDONLY"); /* ESTALE */
	do_open(mount_place(here, NULL), &of_sub, O_WRONLY, "O_WRONLY"); /* EISDIR */
	do_open(mount_place(AT_FDCWD, NULL), &bad, O_RDONLY, "O_RDONLY"); /* EINVAL */
	do_open(mount_place(NO_FD, NULL), &of_file, O_RDONLY | O_NONBLOCK, "O_NONBLOCK|O_RDONLY"); /* EBADF */
	return 0;
}
