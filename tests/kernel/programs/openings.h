/* The open family: paths as the program gives them, and what is behind them. */
#pragma once

#include "truth.h"

#include <sys/vfs.h>

/* One open that was done. name: as given; lexical: absolute and cleaned by hand in the program; real: behind links. */
struct opening {
	const char *name, *lexical, *real, *flags, *type;
	unsigned int mode;
};

/* Folders of tests may lie on an overlay: what a test makes there is in its upper layer. */
static inline bool is_overlay(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == 0x794c7630;
}

static inline void truth_open(const char *type, long fd, const struct opening *o)
{
	struct stat st = {};
	char typechar = o->type && !strcmp(o->type, "directory") ? 'd' : 'f';

	if (fd >= 0)
		need(fstat(fd, &st) == 0, "fstat");
	truth_begin(type, fd);
	if (fd >= 0)
		truth_textf("evt.arg.fd", "<%c>%s", typechar, o->lexical);
	else
		truth_text("evt.arg.fd", strerrorname_np(-fd));
	truth_text("evt.arg.name", o->lexical ? o->lexical : "<NA>");
	bool layered = fd >= 0 && is_overlay(fd) && !(o->flags && strstr(o->flags, "_LAYER")); /* or stated already */
	if (o->flags)
		truth_textf("evt.arg.flags", "%s%s", o->flags, layered ? "|FD_UPPER_LAYER" : "");
	if (!strcmp(type, "creat"))
		truth_text("evt.arg.creat_flags", layered ? "FD_UPPER_LAYER_CREAT" : "0");
	truth_textf("evt.arg.mode", o->mode ? "0%o" : "0", o->mode);
	truth_textf("evt.arg.dev", "%lX", (unsigned long)st.st_dev);
	truth_textf("evt.arg.ino", "%lu", (unsigned long)st.st_ino);
	if (o->lexical) {
		truth_text("fd.name", o->lexical);
		truth_text("fd.nameraw", o->name);
	}
	if (fd < 0)
		return;
	truth_text("fd.realpath", o->real);
	truth_number("fd.num", fd);
	truth_text("fd.type", o->type);
	truth_textf("fd.typechar", "%c", typechar);
	truth_number("fd.ino", st.st_ino);
	truth_text("fd.filename", strrchr(o->lexical, '/') + 1);
}
