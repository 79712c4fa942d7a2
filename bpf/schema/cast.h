/* A call of bpf_rdonly_cast(), before the object is loaded: "r0 = CAST_MARK" (bpf/include/compat.h). */
#pragma once

#define CAST_MARK 0x5ca57ed1
