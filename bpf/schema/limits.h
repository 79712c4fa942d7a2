/* Limits that both sides of the kernel share. Sizes in bytes. */
#pragma once

#define TIERCEL_PATH_MAX 4096          /* PATH_MAX; longer paths are cut from the left and marked */
#define TIERCEL_ARGV_WHOLE_MAX 12288   /* argv up to here arrives whole */
#define TIERCEL_ARGV_HEAD 8192         /* beyond it: this much of the beginning ... */
#define TIERCEL_ARGV_TAIL 4096         /* ... and this much of the end */
#define TIERCEL_NAME_MAX 256           /* file system types, devices, cgroup components */
#define TIERCEL_RECORD_MAX 28672       /* fixed part plus tail: fits a per-CPU map value (32 KiB) with slack */
#define TIERCEL_DATA_MAX 80            /* of what a call read or wrote: Falco's snaplen */
#define TIERCEL_COMM_LEN 16            /* TASK_COMM_LEN, include/linux/sched.h */
