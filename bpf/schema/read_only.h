/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The number of a helper that no kernel has: the loader puts something else where it is called (bpf/include/compat.h). */
#pragma once

#define READ_ONLY_CALL 0x7fff5ead
