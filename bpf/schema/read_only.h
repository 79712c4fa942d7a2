/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers that mean nothing: the loader puts something else where they are (bpf/include/compat.h). */
#pragma once

#define READ_ONLY_CALL 0x7fff5ead /* of a helper */
#define READ_ONLY_TASK 0x7fff5eae /* of the type of tasks */
