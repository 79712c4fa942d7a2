/* open and creat. Argument: a folder of its own. */
#include "openings.h"

#ifdef SYS_open
static char dir[PATH_MAX];

static const char *in_dir(const char *name)
{
	static char texts[16][PATH_MAX];
	static int next;
	char *text = texts[next++ % 16];

	snprintf(text, PATH_MAX, "%.2000s/%.200s", dir, name);
	return text;
}

static void do_open(const struct opening *o, int flags)
{
	long fd = result_of(syscall(SYS_open, o->name, flags, o->mode));

	truth_open("open", fd, o);
	truth_end();
	if (fd >= 0)
		close(fd);
}

static void do_creat(const struct opening *o)
{
	long fd = result_of(syscall(SYS_creat, o->name, o->mode));

	truth_open("creat", fd, o);
	truth_end();
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	need(argc == 2 && realpath(argv[1], dir) && chdir(dir) == 0, "the folder");
	need(mkdir("sub", 0755) == 0 && symlink("file", "link") == 0, "the folder's contents");
	umask(0);
	truth_types("open", "creat", NULL);

	const char *file = in_dir("file");
	do_open(&(struct opening){file, file, file, "O_EXCL|O_CREAT|O_WRONLY|O_F_CREATED", "file", 0640},
		O_CREAT | O_EXCL | O_WRONLY);
	do_open(&(struct opening){file, file, file, "O_RDONLY", "file", 0}, O_RDONLY);
	do_open(&(struct opening){"sub/../file", file, file, "O_APPEND|O_RDWR|O_CLOEXEC", "file", 0},
		O_RDWR | O_APPEND | O_CLOEXEC);
	do_open(&(struct opening){"./link", in_dir("link"), file, "O_TRUNC|O_WRONLY", "file", 0}, O_WRONLY | O_TRUNC);
	do_open(&(struct opening){"sub", in_dir("sub"), in_dir("sub"), "O_DIRECTORY|O_RDONLY", "directory", 0},
		O_RDONLY | O_DIRECTORY);
	do_open(&(struct opening){"absent", in_dir("absent"), 0, "O_RDONLY", 0, 0}, O_RDONLY);
	do_open(&(struct opening){file, file, 0, "O_EXCL|O_CREAT|O_RDWR", 0, 0600}, O_CREAT | O_EXCL | O_RDWR);
	do_open(&(struct opening){NULL, NULL, 0, "O_RDONLY", 0, 0}, O_RDONLY);

	do_creat(&(struct opening){"made", in_dir("made"), in_dir("made"), 0, "file", 0755});
	do_creat(&(struct opening){"absent/made", in_dir("absent/made"), 0, 0, 0, 0600});
	return 0;
}
#else
int main(void)
{
	truth_types("open", "creat", NULL); /* of which there are none here */
	return 0;
}
#endif
