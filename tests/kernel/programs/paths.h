/* Calls with paths or with a descriptor: what their arguments print as, and what fd.* and fs.path.* say of them. */
#pragma once

#include "truth.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#define NO_FD 4000 /* a number that no descriptor has */

/* A path argument. raw: as given; shown: absolute and cleaned by hand in the program, NULL where nothing is given. */
struct place {
	int dirfd;
	const char *raw, *shown;
};

#define CWD(raw, shown) ((struct place){AT_FDCWD, raw, shown})
#define AT(dirfd, raw, shown) ((struct place){dirfd, raw, shown})

static char dir[PATH_MAX];

static inline void enter_folder(int argc, char **argv)
{
	need(argc == 2 && realpath(argv[1], dir) && chdir(dir) == 0, "the folder");
	umask(0);
}

static inline const char *in_dir(const char *name)
{
	static char texts[64][PATH_MAX];
	static int next;
	char *text = texts[next++ % 64];

	snprintf(text, PATH_MAX, "%.2000s/%.1000s", dir, name);
	return text;
}

/* What the kernel's own files say of a descriptor; type is NULL where there is none. For files and directories. */
struct fd_facts {
	int num;
	const char *type;
	char name[PATH_MAX];
	struct stat st;
};

static inline void look_at_fd(int fd, struct fd_facts *facts)
{
	char link[64];

	memset(facts, 0, sizeof(*facts));
	facts->num = fd;
	if (fd < 0 || fstat(fd, &facts->st) != 0)
		return;
	facts->type = S_ISDIR(facts->st.st_mode) ? "directory" : "file";
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	need(readlink(link, facts->name, sizeof(facts->name) - 1) > 0, link);
}

static inline void truth_fd_arg(const char *key, int fd)
{
	struct fd_facts facts;

	look_at_fd(fd, &facts);
	if (fd == AT_FDCWD)
		truth_text(key, "AT_FDCWD");
	else if (fd < 0)
		truth_text(key, strerrorname_np(-fd));
	else if (!facts.type)
		truth_textf(key, "%d", fd);
	else
		truth_textf(key, "<%c>%s", facts.type[0], facts.name);
}

/* fd.num is left open: it may be the number that was no descriptor. */
static inline void truth_bad_fd(void)
{
	static const char *const keys[] = {"fd.type", "fd.typechar", "fd.name", "fd.ino", "fd.dev.major",
					   "fd.dev.minor", "fd.directory", "fd.filename", "fd.cip", "fd.sip"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		truth_text(keys[i], NULL);
}

static inline void truth_no_fd(void)
{
	truth_bad_fd();
	truth_text("fd.num", NULL);
}

static inline void truth_stat(const struct stat *st)
{
	truth_number("fd.ino", st->st_ino);
	truth_number("fd.dev.major", major(st->st_dev));
	truth_number("fd.dev.minor", minor(st->st_dev));
}

static inline void truth_fd(int fd)
{
	struct fd_facts facts;

	look_at_fd(fd, &facts);
	if (!facts.type) {
		truth_bad_fd();
		return;
	}
	truth_number("fd.num", fd);
	truth_text("fd.type", facts.type);
	truth_textf("fd.typechar", "%c", facts.type[0]);
	truth_text("fd.name", facts.name);
	truth_stat(&facts.st);
	truth_bool("fd.name_changed", false);
	truth_text("fd.cip", NULL);
	truth_text("fd.sip", NULL);
}

/* fs.path.*: of calls that worked; NULL: has none. */
static inline void truth_fs_path(long result, const char *name, const char *raw)
{
	truth_text("fs.path.name", result >= 0 ? name : NULL);
	truth_text("fs.path.nameraw", result >= 0 ? raw : NULL);
	truth_text("fs.path.source", NULL);
	truth_text("fs.path.sourceraw", NULL);
	truth_text("fs.path.target", NULL);
	truth_text("fs.path.targetraw", NULL);
}

static inline void truth_fs_two(long result, const struct place *source, const struct place *target)
{
	truth_text("fs.path.name", NULL);
	truth_text("fs.path.nameraw", NULL);
	truth_text("fs.path.source", result >= 0 ? source->shown : NULL);
	truth_text("fs.path.sourceraw", result >= 0 ? source->raw : NULL);
	truth_text("fs.path.target", result >= 0 ? target->shown : NULL);
	truth_text("fs.path.targetraw", result >= 0 ? target->raw : NULL);
}

static inline void truth_call(const char *type, long result, const char *category)
{
	truth_begin(type, result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.category", category);
	truth_bool("evt.is_io_read", false);
	truth_bool("evt.is_io_write", false);
	truth_text("evt.io_dir", NULL);
	truth_text("evt.buffer", NULL);
	truth_text("evt.buflen", NULL);
}

/* A call that Falco knows by its number only. */
static inline void truth_generic(const char *type, long nr, long result)
{
	truth_call(type, result, "other");
	truth_text("evt.arg.ID", type);
	truth_textf("evt.arg.nativeID", "%ld", nr);
}

static inline void truth_path_arg(const char *key, const struct place *place)
{
	truth_text(key, place->shown ? place->shown : "<NA>");
}

/* What a call on a descriptor says of it. */
static inline void truth_fd_call(long result, int fd)
{
	struct fd_facts facts;

	truth_fd_arg("evt.arg.fd", fd);
	truth_fd(fd);
	look_at_fd(fd, &facts);
	truth_fs_path(result, facts.type ? facts.name : NULL, facts.type ? facts.name : NULL);
}

static inline void put_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0, name);
}

/* A tmpfs over that folder, in a mount namespace of its own: for what the folder's own file system cannot do. */
static inline void own_tmpfs(const char *path)
{
	need(mount("tmpfs", path, "tmpfs", 0, "mode=755") == 0, "mount a tmpfs");
}

static inline void own_mounts(void)
{
	need(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "unshare");
}
