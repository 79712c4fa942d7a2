/* What events say whose calls Falco knows by number alone (GENERIC_PARAMS of parts.h), and of calls with descriptors. */
#pragma once

#include "truth.h"

static inline void truth_generic(const char *type, long number, long result)
{
	truth_text("evt.arg.ID", type);
	truth_textf("evt.arg.nativeID", "%ld", number);
	truth_errno_arg("evt.arg.res", result);
}

static inline void truth_no_descriptor(void)
{
	truth_text("fd.num", NULL);
	truth_text("fd.type", NULL);
	truth_text("fd.typechar", NULL);
	truth_text("fd.name", NULL);
	truth_text("fd.ino", NULL);
	truth_text("fs.path.name", NULL);
	truth_text("fs.path.source", NULL);
	truth_text("fs.path.target", NULL);
}

/* A descriptor that is there: its file's numbers by fstat(), and as evt.arg.fd (falco-rules.md, 4.3 and 5.2). */
static inline void truth_descriptor(int fd, const char *type, char typechar, const char *name)
{
	struct stat st;

	need(fstat(fd, &st) == 0, "fstat");
	truth_number("fd.num", fd);
	truth_text("fd.type", type);
	truth_textf("fd.typechar", "%c", typechar);
	truth_text("fd.name", name);
	truth_number("fd.ino", st.st_ino);
	truth_number("fd.dev.major", st.st_dev >> 8 & 0xfff);
	truth_number("fd.dev.minor", (st.st_dev & 0xff) | (st.st_dev >> 12 & 0xfff00));
	truth_textf("evt.arg.fd", "<%c>%s", typechar, name);
}

/* One that is not: a negative number is shown as an error's name. */
static inline void truth_absent_descriptor(int fd)
{
	truth_text("fd.type", NULL);
	truth_text("fd.name", NULL);
	truth_text("fd.ino", NULL);
	if (fd < 0)
		truth_text("evt.arg.fd", strerrorname_np(-fd));
	else
		truth_textf("evt.arg.fd", "%d", fd);
}
