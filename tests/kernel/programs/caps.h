/* Capabilities by name, as thread.cap_* shows them (falco-rules.md, 4.1). */
#pragma once

#include "self.h"

static inline void truth_cap_names(const char *key, unsigned long long caps)
{
	static const char *const names[] = {
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
		"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
		"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
		"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
		"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
		"CHECKPOINT_RESTORE",
	};
	char text[2048] = "";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(caps >> i & 1))
			continue;
		strcat(text, text[0] ? " CAP_" : "CAP_");
		strcat(text, names[i]);
	}
	truth_text(key, text);
}

/* As /proc/self/status has them now. */
static inline void truth_caps(void)
{
	truth_cap_names("thread.cap_inheritable", status_field("CapInh:", 16));
	truth_cap_names("thread.cap_permitted", status_field("CapPrm:", 16));
	truth_cap_names("thread.cap_effective", status_field("CapEff:", 16));
}
