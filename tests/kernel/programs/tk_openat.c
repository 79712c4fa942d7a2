/* openat and openat2. Argument: a folder of its own. */
#include "openings.h"

#include <linux/openat2.h>
#include <pthread.h>

static char dir[PATH_MAX];

static const char *in_dir(const char *name)
{
	static char texts[16][PATH_MAX];
	static int next;
	char *text = texts[next++ % 16];

	snprintf(text, PATH_MAX, "%.2000s/%.200s", dir, name);
	return text;
}

static void truth_dirfd(int dirfd)
{
	if (dirfd == AT_FDCWD)
		truth_text("evt.arg.dirfd", "AT_FDCWD");
	else
		truth_textf("evt.arg.dirfd", "<d>%s", in_dir("sub"));
}

static void do_openat(int dirfd, const struct opening *o, int flags)
{
	long fd = result_of(syscall(SYS_openat, dirfd, o->name, flags, o->mode));

	truth_open("openat", fd, o);
	truth_dirfd(dirfd);
	truth_end();
	if (fd >= 0)
		close(fd);
}

static void do_openat2(int dirfd, const struct opening *o, int flags, int resolve, const char *resolve_text)
{
	struct open_how how = {.flags = flags, .mode = o->mode, .resolve = resolve};
	long fd = result_of(syscall(SYS_openat2, dirfd, o->name, &how, sizeof(how)));

	truth_open("openat2", fd, o);
	truth_dirfd(dirfd);
	truth_text("evt.arg.resolve", resolve_text);
	truth_end();
	if (fd >= 0)
		close(fd);
}

static void *in_a_thread(void *unused)
{
	const char *file = in_dir("sub/file");

	do_openat(AT_FDCWD, &(struct opening){file, file, file, "O_RDONLY", "file", 0}, O_RDONLY);
	return unused;
}

int main(int argc, char **argv)
{
	need(argc == 2 && realpath(argv[1], dir) && chdir(dir) == 0, "the folder");
	need(mkdir("sub", 0755) == 0 && symlink("sub/file", "link") == 0, "the folder's contents");
	umask(0);
#ifdef SYS_open
	int sub = syscall(SYS_open, "sub", O_RDONLY | O_DIRECTORY); /* its own type is tk_open's affair */
#else
	int sub = syscall(SYS_open_tree, AT_FDCWD, "sub", 0);
#endif
	need(sub >= 0, "open sub");
	truth_types("openat", "openat2", NULL);

	const char *file = in_dir("sub/file"), *up = in_dir("link");
	do_openat(sub, &(struct opening){"file", file, file, "O_CREAT|O_WRONLY|O_F_CREATED", "file", 0644}, O_CREAT | O_WRONLY);
	do_openat(sub, &(struct opening){"../link", up, file, "O_NONBLOCK|O_RDONLY", "file", 0}, O_RDONLY | O_NONBLOCK);
	do_openat(AT_FDCWD, &(struct opening){"sub//./file", file, file, "O_RDWR", "file", 0}, O_RDWR);
	do_openat(AT_FDCWD, &(struct opening){"/etc/../etc", "/etc", "/etc", "O_DIRECTORY|O_RDONLY|O_CLOEXEC", "directory", 0},
		  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	do_openat(sub, &(struct opening){"absent", in_dir("sub/absent"), 0, "O_RDONLY", 0, 0}, O_RDONLY);
	do_openat(AT_FDCWD, &(struct opening){"sub/file/below", in_dir("sub/file/below"), 0, "O_WRONLY", 0, 0}, O_WRONLY);

	do_openat2(sub, &(struct opening){"file", file, file, "O_RDONLY", "file", 0}, O_RDONLY,
		   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, "RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS");
	do_openat2(AT_FDCWD, &(struct opening){"link", up, file, "O_RDONLY|O_CLOEXEC", "file", 0}, O_RDONLY | O_CLOEXEC, 0, "0");
	do_openat2(AT_FDCWD, &(struct opening){"link", up, 0, "O_RDONLY", 0, 0}, O_RDONLY, RESOLVE_NO_SYMLINKS,
		   "RESOLVE_NO_SYMLINKS");
	do_openat2(sub, &(struct opening){"../link", up, 0, "O_RDONLY", 0, 0}, O_RDONLY, RESOLVE_BENEATH, "RESOLVE_BENEATH");

	pthread_t thread;
	need(pthread_create(&thread, NULL, in_a_thread, NULL) == 0, "pthread_create");
	pthread_join(thread, NULL);
	return 0;
}
