/* fsopen, fsconfig, fsmount, move_mount, open_tree and mount_setattr. Argument: a folder of its own.
 *
 * In a mount namespace of its own: a tmpfs is made, mounted, moved, cloned and changed.
 */
#include "generic.h"

#include <sched.h>
#include <sys/mount.h>

static char dir[PATH_MAX];

static const char *in_dir(const char *name)
{
	static char texts[8][PATH_MAX + 256];
	static int next;
	char *text = texts[next++ % 8];

	snprintf(text, sizeof(texts[0]), "%s/%s", dir, name);
	return text;
}

/* The kernel's path of what a descriptor means now. */
static const char *link_of(int fd)
{
	static char texts[4][PATH_MAX];
	static int next;
	char *text = texts[next++ % 4], link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, text, PATH_MAX - 1);
	need(n > 0, link);
	text[n] = 0;
	return text;
}

static void no_descriptor(void)
{
	truth_text("fd.num", NULL);
	truth_text("fd.type", NULL);
	truth_text("fd.typechar", NULL);
	truth_text("fd.name", NULL);
}

/* A made descriptor, of which no parameter but the result speaks. */
static void made(int fd, const char *type, char typechar, const char *name)
{
	struct stat st;

	if (fd < 0) {
		no_descriptor();
		return;
	}
	need(fstat(fd, &st) == 0, "fstat");
	truth_number("fd.num", fd);
	truth_text("fd.type", type);
	truth_textf("fd.typechar", "%c", typechar);
	truth_text("fd.name", name);
	truth_number("fd.ino", st.st_ino);
}

static int do_fsopen(const char *name, unsigned int flags)
{
	long result = result_of(syscall(SYS_fsopen, name, flags));

	truth_begin("fsopen", result);
	truth_generic("fsopen", SYS_fsopen, result);
	truth_text("evt.arg.name", name ? name : "<NA>");
	truth_textf("evt.arg.flags", "%X", flags);
	truth_text("evt.category", "other");
	made(result, NULL, 'o', ""); /* an anonymous inode for which there is no word */
	truth_end();
	return result;
}

struct setting {
	unsigned int cmd;
	const char *cmd_text, *key;
	const void *value;
	int aux;
	const char *bytes, *chars; /* as shown: values are bytes or text, by the command */
};

static void do_fsconfig(int fd, const struct setting *s)
{
	long result = result_of(syscall(SYS_fsconfig, fd, s->cmd, s->key, s->value, s->aux));

	truth_begin("fsconfig", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.cmd", s->cmd_text);
	truth_text("evt.arg.key", s->key ? s->key : "<NA>");
	truth_text("evt.arg.value_bytebuf", s->bytes ? s->bytes : "NULL");
	truth_text("evt.arg.value_charbuf", s->chars ? s->chars : "<NA>");
	truth_textf("evt.arg.aux", "%d", s->aux);
	truth_text("evt.category", "system");
	if (fcntl(fd, F_GETFD) < 0)
		truth_absent_descriptor(fd);
	else
		truth_descriptor(fd, NULL, 'o', "");
	truth_end();
}

static int do_fsmount(int fd, unsigned int flags, unsigned int attributes)
{
	long result = result_of(syscall(SYS_fsmount, fd, flags, attributes));

	truth_begin("fsmount", result);
	truth_generic("fsmount", SYS_fsmount, result);
	truth_textf("evt.arg.flags", "%X", flags);
	truth_text("evt.category", "other");
	made(result, "directory", 'd', result < 0 ? NULL : link_of(result));
	truth_end();
	return result;
}

/* lexical: absolute, as it is without an open folder; NULL: empty, the descriptor itself. */
static void truth_at(const char *fd_key, int fd, const char *path_key, const char *lexical)
{
	char regex[PATH_MAX + 64];

	if (fd == AT_FDCWD)
		truth_text(fd_key, "AT_FDCWD");
	else if (fd < 0)
		truth_text(fd_key, strerrorname_np(-fd));
	else
		truth_textf(fd_key, "<d>%s", link_of(fd));
	if (lexical) {
		truth_text(path_key, lexical);
		return;
	}
	snprintf(regex, sizeof(regex), "^(<NA>|%s/?)?$", fd >= 0 ? link_of(fd) : "");
	truth_like(path_key, regex);
}

static void do_move_mount(int from, const char *name, const char *lexical, int to, const char *to_name, const char *to_lexical,
			  unsigned int flags)
{
	long result = result_of(syscall(SYS_move_mount, from, name, to, to_name, flags));

	truth_begin("move_mount", result);
	truth_generic("move_mount", SYS_move_mount, result);
	truth_at("evt.arg.from_dirfd", from, "evt.arg.from_pathname", lexical);
	truth_at("evt.arg.to_dirfd", to, "evt.arg.to_pathname", to_lexical);
	truth_textf("evt.arg.flags", "%X", flags);
	truth_text("evt.category", "other");
	no_descriptor();
	truth_end();
}

static int do_open_tree(int at, const char *name, const char *lexical, unsigned int flags)
{
	long result = result_of(syscall(SYS_open_tree, at, name, flags));

	truth_begin("open_tree", result);
	truth_generic("open_tree", SYS_open_tree, result);
	truth_at("evt.arg.dirfd", at, "evt.arg.path", lexical);
	truth_textf("evt.arg.flags", "%X", flags);
	truth_text("evt.category", "other");
	no_descriptor();
	truth_end();
	return result;
}

static void do_setattr(int at, const char *name, const char *lexical, unsigned int flags, unsigned long long set)
{
	struct mount_attr attr = {.attr_set = set};
	long result = result_of(syscall(SYS_mount_setattr, at, name, flags, &attr, sizeof(attr)));

	truth_begin("mount_setattr", result);
	truth_generic("mount_setattr", SYS_mount_setattr, result);
	truth_at("evt.arg.dirfd", at, "evt.arg.path", lexical);
	truth_textf("evt.arg.flags", "%X", flags);
	truth_text("evt.category", "other");
	no_descriptor();
	truth_end();
}

static int configured(void)
{
	int fd = do_fsopen("tmpfs", FSOPEN_CLOEXEC);

	do_fsopen("no_such_type", 0);
	do_fsopen("tmpfs", 0x80);
	do_fsopen(NULL, 0);
	do_fsconfig(fd, &(struct setting){FSCONFIG_SET_STRING, "FSCONFIG_SET_STRING", "size", "1M", 0, NULL, "1M"});
	do_fsconfig(fd, &(struct setting){FSCONFIG_SET_FLAG, "FSCONFIG_SET_FLAG", "ro", NULL, 0, NULL, NULL});
	do_fsconfig(fd, &(struct setting){FSCONFIG_SET_STRING, "FSCONFIG_SET_STRING", "no_such", "v", 0, NULL, "v"});
	do_fsconfig(fd, &(struct setting){FSCONFIG_SET_BINARY, "FSCONFIG_SET_BINARY", "no_such", "\1ab\377", 4, ".ab.", NULL});
	do_fsconfig(fd, &(struct setting){FSCONFIG_SET_PATH, "FSCONFIG_SET_PATH", "no_such", "/", AT_FDCWD, NULL, "/"});
	do_fsconfig(fd, &(struct setting){FSCONFIG_SET_FD, "FSCONFIG_SET_FD", "no_such", NULL, 1, NULL, NULL});
	do_fsconfig(fd, &(struct setting){FSCONFIG_CMD_CREATE, "FSCONFIG_CMD_CREATE", NULL, NULL, 0, NULL, NULL});
	do_fsconfig(fd, &(struct setting){FSCONFIG_CMD_CREATE, "FSCONFIG_CMD_CREATE", NULL, NULL, 0, NULL, NULL});
	do_fsconfig(9999, &(struct setting){FSCONFIG_SET_FLAG, "FSCONFIG_SET_FLAG", "ro", NULL, 0, NULL, NULL});
	return fd;
}

int main(int argc, char **argv)
{
	need(argc == 2 && realpath(argv[1], dir) && chdir(dir) == 0, "the folder");
	need(mkdir("host", 0755) == 0 && mkdir("other", 0755) == 0, "mkdir");
	need(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "unshare");
	truth_types("fsopen", "fsconfig", "fsmount", "move_mount", "open_tree", "mount_setattr", NULL);

	int fs = configured(), mount_fd = do_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID);
	do_fsmount(fs, 0, 0); /* used up */
	do_fsmount(9999, 0, 0);

	int at = open(dir, O_RDONLY | O_DIRECTORY);
	do_move_mount(mount_fd, "", NULL, AT_FDCWD, "host", in_dir("host"), MOVE_MOUNT_F_EMPTY_PATH);
	do_move_mount(at, "host", in_dir("host"), at, "./other", in_dir("other"), 0);
	do_move_mount(AT_FDCWD, "absent", in_dir("absent"), -1, in_dir("host"), in_dir("host"), 0);

	int tree = do_open_tree(AT_FDCWD, "other", in_dir("other"), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	do_open_tree(at, "other", in_dir("other"), 0);
	do_open_tree(at, "absent", in_dir("absent"), 0);
	do_open_tree(at, "other", in_dir("other"), 0x40); /* no such flag */

	do_setattr(AT_FDCWD, in_dir("other"), in_dir("other"), 0, MOUNT_ATTR_NOEXEC);
	do_setattr(at, "other/../other", in_dir("other"), 0x8000 /* AT_RECURSIVE */, MOUNT_ATTR_RDONLY);
	do_setattr(tree, "", NULL, AT_EMPTY_PATH, MOUNT_ATTR_NODEV);
	do_setattr(at, "host", in_dir("host"), 0, MOUNT_ATTR_NODEV); /* no mount's root */
	do_setattr(AT_FDCWD, "absent", in_dir("absent"), 0, MOUNT_ATTR_NODEV);
	return 0;
}
