/* Ways to have an operation of an io_uring done, and what each states of opens and paths. */
#pragma once

#include "ring.h"

/* One way to have an operation done. */
struct way {
	const char *name;
	unsigned char flags;
	bool polls; /* another thread submits */
	struct ring ring;
};

static char dir[PATH_MAX];
static int dir_fd;
static bool unknown; /* what is stated next has no completion */

static void begin(const struct way *w, const char *type, long result)
{
	truth_begin_of(type, getpid());
	truth_result(result);
	truth_text("way", w->name);
	truth_comm("proc.name");
	truth_number("user.uid", geteuid());
	if (!w->polls)
		truth_number("thread.tid", syscall(SYS_gettid));
	truth_bool("evt.is_io_uring", true);
	truth_bool("evt.is_res_unknown", unknown);
}

static struct io_uring_sqe *entry(struct way *w, unsigned char opcode, int fd)
{
	struct io_uring_sqe *sqe = ring_entry(&w->ring, opcode, fd);

	sqe->flags = w->flags;
	return sqe;
}

static char *path_of(const struct way *w, const char *name)
{
	static char paths[4][2 * PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s-%s", dir, name, w->name);
	return path;
}

static void truth_opened(const char *name, const char *raw, const char *real, long fd)
{
	if (fd >= 0)
		truth_number("fd.num", fd);
	truth_text("fd.name", name);
	truth_text("fd.nameraw", raw);
	truth_text("fd.realpath", real);
	truth_text("fd.typechar", "f");
	truth_bool("fd.is_direct", false);
	truth_end();
}

static long open_at(struct way *w, int at, const char *raw, const char *name, const char *real, int flags)
{
	struct io_uring_sqe *sqe = entry(w, IORING_OP_OPENAT, at);

	sqe->addr = (uintptr_t)raw;
	sqe->open_flags = flags;
	sqe->len = 0600;
	long fd = ring_do(&w->ring);
	begin(w, "openat", fd);
	truth_bool("evt.is_open_write", (flags & O_ACCMODE) != O_RDONLY);
	truth_opened(name, raw, fd >= 0 ? real : NULL, fd < 0 ? -1 : fd);
	return fd;
}

static void opens(struct way *w)
{
	char *file = path_of(w, "file"), *link = path_of(w, "link"), absent[PATH_MAX + 16];
	struct {
		unsigned long long flags, mode, resolve;
	} how = {.flags = O_RDONLY, .resolve = 0x04 /* RESOLVE_NO_SYMLINKS */};

	close(open_at(w, AT_FDCWD, file, file, file, O_RDWR | O_CREAT));
	close(open_at(w, AT_FDCWD, strrchr(file, '/') + 1, file, file, O_RDONLY));
	close(open_at(w, dir_fd, strrchr(file, '/') + 1, file, file, O_WRONLY));
	need(symlink(file, link) == 0, "symlink");
	close(open_at(w, AT_FDCWD, link, link, file, O_RDONLY));
	open_at(w, AT_FDCWD, "./absent", strcat(strcpy(absent, dir), "/absent"), NULL, O_RDONLY);

	struct io_uring_sqe *sqe = entry(w, IORING_OP_OPENAT2, AT_FDCWD);
	sqe->addr = (uintptr_t)link;
	sqe->len = sizeof(how);
	sqe->off = (uintptr_t)&how;
	long fd = ring_do(&w->ring);
	begin(w, "openat2", fd);
	truth_opened(link, link, NULL, -1); /* ELOOP */
}

static void one_path(struct way *w, const char *type, struct io_uring_sqe *sqe, const char *raw, const char *name)
{
	sqe->addr = (uintptr_t)raw;
	long result = ring_do(&w->ring);
	begin(w, type, result);
	truth_text("fs.path.name", result < 0 ? NULL : name);
	truth_text("fs.path.nameraw", result < 0 ? NULL : raw);
	truth_end();
}

static void two_paths(struct way *w, const char *type, unsigned char opcode, int from_at, const char *from, int to_at,
		      const char *to, const char *source, const char *target)
{
	struct io_uring_sqe *sqe = entry(w, opcode, from_at);

	sqe->addr = (uintptr_t)from;
	sqe->off = (uintptr_t)to;
	sqe->len = to_at;
	long result = ring_do(&w->ring);
	begin(w, type, result);
	truth_text("fs.path.source", result < 0 ? NULL : source);
	truth_text("fs.path.target", result < 0 ? NULL : target);
	truth_end();
}

static void paths(struct way *w)
{
	char *file = path_of(w, "file"), *other = path_of(w, "other"), *folder = path_of(w, "sub");

	struct io_uring_sqe *sqe = entry(w, IORING_OP_MKDIRAT, AT_FDCWD);
	sqe->len = 0700;
	one_path(w, "mkdirat", sqe, folder, folder);
	/* Falco's words: a link's source is what it makes, its target what that leads to. */
	two_paths(w, "linkat", IORING_OP_LINKAT, AT_FDCWD, file, dir_fd, strrchr(other, '/') + 1, other, file);
	two_paths(w, "renameat2", IORING_OP_RENAMEAT, AT_FDCWD, strrchr(other, '/') + 1, AT_FDCWD, file, other, file);
	two_paths(w, "renameat2", IORING_OP_RENAMEAT, AT_FDCWD, "absent", AT_FDCWD, file, NULL, NULL);
	one_path(w, "unlinkat", entry(w, IORING_OP_UNLINKAT, dir_fd), strrchr(file, '/') + 1, file);
	one_path(w, "unlinkat", entry(w, IORING_OP_UNLINKAT, AT_FDCWD), other, other);
	sqe = entry(w, IORING_OP_UNLINKAT, AT_FDCWD);
	sqe->unlink_flags = AT_REMOVEDIR;
	one_path(w, "unlinkat", sqe, folder, folder);

	sqe = entry(w, IORING_OP_SYMLINKAT, AT_FDCWD);
	sqe->addr = (uintptr_t) "where/ever";
	sqe->off = (uintptr_t)other;
	long result = ring_do(&w->ring);
	begin(w, "symlinkat", result);
	truth_textf("fs.path.target", "%s/where/ever", dir);
	truth_text("fs.path.source", other);
	truth_end();
}
