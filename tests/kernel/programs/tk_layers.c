/* openat of what is in the layers of an overlayfs, in own mounts. Argument: a folder of its own. */
#include "openings.h"
#include "paths.h"

static char merged[PATH_MAX];

static void do_openat(const char *name, int flags, const char *flags_text, const char *type)
{
	char shown[PATH_MAX + 64];

	snprintf(shown, sizeof(shown), "%s/%s", merged, name);
	struct opening o = {shown, shown, shown, flags_text, type, flags & O_CREAT ? 0640 : 0};
	long fd = result_of(syscall(SYS_openat, AT_FDCWD, shown, flags, o.mode));

	need((fd >= 0) == (type != NULL), shown);
	truth_open("openat", fd, &o);
	truth_text("evt.arg.dirfd", "AT_FDCWD");
	truth_text("evt.category", "file");
	truth_bool("evt.is_open_read", (flags & O_ACCMODE) != O_WRONLY);
	truth_bool("evt.is_open_write", (flags & O_ACCMODE) != O_RDONLY);
	truth_bool("evt.is_open_create", strstr(flags_text, "O_F_CREATED") != NULL);
	if (fd >= 0) {
		struct stat st;
		need(fstat(fd, &st) == 0, "fstat");
		truth_stat(&st);
		if (!strcmp(type, "file"))
			truth_text("fd.directory", merged);
	}
	truth_fs_path(fd, shown, shown);
	truth_end();
	if (fd >= 0)
		close(fd);
}

/* An upper and a lower layer in the current directory, made without openat. */
static bool overlaid(void)
{
	need(mkdir("lower", 0755) == 0 && mkdir("upper", 0755) == 0 && mkdir("work", 0755) == 0 &&
	     mkdir("merged", 0755) == 0 && mkdir("lower/folder", 0755) == 0, "the layers");
	need(mknod("lower/below", S_IFREG | 0644, 0) == 0 && mknod("lower/both", S_IFREG | 0644, 0) == 0 &&
	     mknod("lower/copied", S_IFREG | 0644, 0) == 0 && mknod("upper/above", S_IFREG | 0644, 0) == 0 &&
	     mknod("upper/both", S_IFREG | 0644, 0) == 0, "their files");
	return mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") == 0;
}

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
	own_mounts();
	if (!overlaid()) { /* that folder's file system cannot be a layer */
		need(mkdir("tmp", 0755) == 0, "mkdir");
		own_tmpfs("tmp");
		need(chdir("tmp") == 0 && realpath(".", dir) && overlaid(), "mount an overlayfs");
	}
	snprintf(merged, sizeof(merged), "%s", in_dir("merged"));
	truth_types("openat", NULL);

	do_openat("below", O_RDONLY, "O_RDONLY|FD_LOWER_LAYER", "file");
	do_openat("above", O_RDONLY | O_CLOEXEC, "O_RDONLY|O_CLOEXEC|FD_UPPER_LAYER", "file");
	do_openat("both", O_RDONLY, "O_RDONLY|FD_UPPER_LAYER", "file");
	do_openat("copied", O_RDONLY, "O_RDONLY|FD_LOWER_LAYER", "file");
	do_openat("copied", O_RDWR | O_APPEND, "O_APPEND|O_RDWR|FD_UPPER_LAYER", "file"); /* is copied up */
	do_openat("copied", O_RDONLY, "O_RDONLY|FD_UPPER_LAYER", "file");
	do_openat("made", O_CREAT | O_EXCL | O_WRONLY, "O_EXCL|O_CREAT|O_WRONLY|O_F_CREATED|FD_UPPER_LAYER", "file");
	do_openat("folder", O_RDONLY | O_DIRECTORY, "O_DIRECTORY|O_RDONLY|FD_LOWER_LAYER", "directory");
	do_openat("absent", O_RDONLY, "O_RDONLY", NULL);
	do_openat("below", O_CREAT | O_EXCL | O_WRONLY, "O_EXCL|O_CREAT|O_WRONLY", NULL);
	return 0;
}
