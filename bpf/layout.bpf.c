// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One global per record, so that its layout lands in the object's BTF and a test can compare it with C++'s. */
#include "schema/event.h"

#define RECORD_BEGIN(record, doc) struct ev_##record layout_##record;
#include "schema/events.def"
