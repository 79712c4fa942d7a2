// Flag tables that need nothing but names and numbers; decoders/flags.h is how to read them. Constant, any thread.
#pragma once

#include <span>

#include "decoders/flags.h"

namespace tiercel::decoders::flag_tables {

extern const std::span<const FlagName> creat_flags, unlinkat_flags, linkat_flags, renameat2_flags, fchownat_flags,
    umount_flags, sock_type_flags, newfd_flags, chmod_mode, mknod_mode, prot_flags, mmap_flags, memfd_create_flags,
    pidfd_open_flags, delete_module_flags, finit_module_flags, epoll_create1_flags, io_uring_setup_flags,
    io_uring_setup_feats, io_uring_enter_flags, io_uring_register_opcodes, shutdown_how, fcntl_commands, bpf_commands,
    fsconfig_cmds, prctl_options, keyctl_operations;

}  // namespace tiercel::decoders::flag_tables
