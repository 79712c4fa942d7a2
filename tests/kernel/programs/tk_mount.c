/* mount, in a mount namespace of its own. Argument: a folder of its own. */
#include "truth.h"

#include <sched.h>
#include <sys/mount.h>

static char dir[PATH_MAX];

struct mounting {
	const char *dev, *target, *lexical, *type, *flags_text;
	unsigned long flags;
};

static void do_mount(const struct mounting *m)
{
	long result = result_of(syscall(SYS_mount, m->dev, m->target, m->type, m->flags, NULL));

	truth_begin("mount", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.dev", m->dev ? m->dev : "<NA>");
	truth_text("evt.arg.dir", m->lexical);
	truth_text("evt.arg.type", m->type ? m->type : "<NA>");
	truth_text("evt.arg.flags", m->flags_text);
	truth_text("fs.path.target", result == 0 ? m->lexical : NULL);
	truth_text("fs.path.targetraw", result == 0 ? m->target : NULL);
	/* a source is a path, whatever the file system takes it for */
	if (result == 0 && m->dev)
		truth_textf("fs.path.source", "%s%s%s", m->dev[0] == '/' ? "" : dir, m->dev[0] == '/' ? "" : "/", m->dev);
	else
		truth_text("fs.path.source", NULL);
	truth_text("fs.path.sourceraw", result == 0 ? m->dev : NULL);
	truth_text("fs.path.name", NULL);
	truth_text("fs.path.nameraw", NULL);
	truth_text("evt.category", "file");
	truth_text("fd.num", NULL);
	truth_text("fd.name", NULL);
	truth_end();
}

int main(int argc, char **argv)
{
	char host[PATH_MAX + 8], absent[PATH_MAX + 8];

	need(argc == 2 && realpath(argv[1], dir) && chdir(dir) == 0 && mkdir("host", 0755) == 0, "the folder");
	snprintf(host, sizeof(host), "%s/host", dir);
	snprintf(absent, sizeof(absent), "%s/absent", dir);
	need(unshare(CLONE_NEWNS) == 0, "unshare");
	truth_types("mount", NULL);

	do_mount(&(struct mounting){NULL, "/", "/", NULL, "REC|PRIVATE", MS_REC | MS_PRIVATE});
	do_mount(&(struct mounting){"tmpfs", host, host, "tmpfs", "NOSUID|NODEV", MS_NOSUID | MS_NODEV});
	do_mount(&(struct mounting){dir, "host/../host", host, NULL, "BIND", MS_BIND});
	do_mount(&(struct mounting){"sub", "./host", host, "tmpfs", "NOATIME", MS_NOATIME});
	do_mount(&(struct mounting){dir, "/", "/", NULL, "MOVE", MS_MOVE}); /* refused: no mount's root */
	do_mount(&(struct mounting){"none", "absent", absent, "tmpfs", "0", 0});
	do_mount(&(struct mounting){"none", host, host, "no_such_type", "RDONLY|NOEXEC", MS_RDONLY | MS_NOEXEC});
	return 0;
}
