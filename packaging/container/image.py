#!/usr/bin/env python3
"""The agent's container image without a daemon, a base image or a network: the files of the package, the libraries that
they need from this host (a Debian, like the package's), the public certificate authorities, and nothing else: there is
no shell in it. The same input gives the same bytes.

  image.py --tree DIR --archive FILE [--reference tiercel:0.1.0]    an archive for docker load, podman load, ctr image import,
                                                                    skopeo copy oci-archive:FILE (OCI layout and Docker's)
  image.py --tree DIR --root DIR                                    its files in a folder

DIR is a package's tree: `dpkg-deb -x tiercel_*.deb DIR`, or `DESTDIR=DIR cmake --install build/release --prefix /usr`.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile

PROGRAM = "usr/bin/tiercel"
# From the host where they are there: nft for responses that block and isolate.
TOOLS = ["/usr/sbin/nft"]
FILES = ["/etc/ssl/certs/ca-certificates.crt"]
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
# Where a pod mounts something: a runtime need not make them in a root that is read-only.
FOLDERS = {"dev": 0o755, "etc/falco": 0o755, "etc/tiercel/enrolment": 0o755, "etc/tiercel/manager-ca": 0o755,
           "etc/tiercel/pod": 0o755, "host": 0o755, "proc": 0o555, "root": 0o700, "run/tiercel": 0o755, "sys": 0o555,
           "tmp": 0o1777, "var/lib/tiercel": 0o750, "var/log/tiercel": 0o750}
# Of the package, what nobody reads in a container.
LEFT_OUT = re.compile(r"^(usr/share/(doc|man|bash-completion|zsh|fish|lintian)|usr/share/tiercel/(decoders|packaging|siem|rules/wazuh)|lib/systemd|usr/lib/systemd|etc/logrotate\.d|DEBIAN)(/|$)")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class Mistake(Exception):
    pass


def libraries_of(program):
    """Paths on this host, by the loader's own word; nothing for a static program."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    missing = re.findall(r"(\S+) => not found", done.stdout)
    if missing:
        raise Mistake(f"{program} needs {', '.join(missing)}, which this host lacks")
    return re.findall(r"(?:=> )?(/\S+) \(0x", done.stdout)


def entries_of(tree):
    """{path in the image: (source, or text, or None for a folder, mode)}; links are told by tuples ("link", target)."""
    if not os.path.isfile(os.path.join(tree, PROGRAM)):
        raise Mistake(f"{tree} has no {PROGRAM}: it is no tree of the package")
    found = {name: (None, mode) for name, mode in FOLDERS.items()}
    found.update({name: (text.encode(), 0o644) for name, text in TEXTS.items()})
    for folder, folders, files in os.walk(tree):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            inside = os.path.relpath(path, tree)
            if LEFT_OUT.match(inside):
                continue
            if os.path.islink(path):
                found[inside] = (("link", os.readlink(path)), 0o777)
            elif os.path.isdir(path):
                found.setdefault(inside, (None, stat.S_IMODE(os.stat(path).st_mode)))
            else:
                found[inside] = (path, stat.S_IMODE(os.stat(path).st_mode))
    programs = [os.path.join(tree, PROGRAM)] + [tool for tool in TOOLS if os.path.exists(tool)]
    for tool in programs[1:]:
        found[tool.lstrip("/")] = (tool, 0o755)
    for program in programs:
        for library in libraries_of(program):
            found[library.lstrip("/")] = (os.path.realpath(library), 0o755)
    for path in FILES:
        if os.path.exists(path):
            found[path.lstrip("/")] = (path, 0o644)
    return with_parents(found)


def with_parents(found):
    for name in list(found):
        while name := os.path.dirname(name):
            found.setdefault(name, (None, 0o755))
    return dict(sorted(found.items()))


def write_root(entries, root):
    for name, (source, mode) in entries.items():
        path = os.path.join(root, name)
        if source is None:
            os.makedirs(path, exist_ok=True)
        elif isinstance(source, tuple):
            os.symlink(source[1], path)
            continue
        elif isinstance(source, bytes):
            with open(path, "wb") as file:
                file.write(source)
        else:
            shutil.copyfile(source, path)
        os.chmod(path, mode)


def add(tar, name, content, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def layer(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (source, mode) in entries.items():
            if source is None or isinstance(source, tuple):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = (tarfile.DIRTYPE if source is None else tarfile.SYMTYPE), mode
                entry.linkname = source[1] if source else ""
                tar.addfile(entry)
            elif isinstance(source, bytes):
                add(tar, name, source, mode)
            else:
                with open(source, "rb") as file:
                    add(tar, name, file.read(), mode)
    return out.getvalue()


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def described(kind, content, **more):
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": digest(content), "size": len(content), **more}


def archive(entries, reference, compress):
    """An OCI image layout that is Docker's archive too, as a tar."""
    name, tag = reference.rsplit(":", 1)
    plain = layer(entries)
    packed = gzip.compress(plain, 6, mtime=0) if compress else plain
    config = json.dumps({
        "architecture": MACHINES.get(os.uname().machine, os.uname().machine), "os": "linux",
        "config": {"Entrypoint": ["/" + PROGRAM], "Cmd": ["run", "--host-root", "/host"], "WorkingDir": "/",
                   "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                   "Labels": {"org.opencontainers.image.title": "tiercel", "org.opencontainers.image.version": tag}},
        "rootfs": {"type": "layers", "diff_ids": [digest(plain)]}}, sort_keys=True).encode()
    kind = "layer.v1.tar" + ("+gzip" if compress else "")
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": described("config.v1+json", config), "layers": [described(kind, packed)]}).encode()
    full = reference if "/" in name else "docker.io/library/" + reference
    index = {"schemaVersion": 2, "manifests": [described("manifest.v1+json", manifest, annotations={
        "io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag})]}
    blob = {one: "blobs/sha256/" + digest(one)[7:] for one in (packed, config, manifest)}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        add(tar, "index.json", json.dumps(index).encode())
        add(tar, "manifest.json", json.dumps([{"Config": blob[config], "RepoTags": [reference], "Layers": [blob[packed]]}]).encode())
        for content, path in blob.items():
            add(tar, path, content)
    return out.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", required=True, help="the package's files")
    parser.add_argument("--reference", default="tiercel:latest", help="NAME:TAG of the image")
    parser.add_argument("--plain", action="store_true", help="do not compress")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--archive", metavar="FILE")
    where.add_argument("--root", metavar="DIR")
    options = parser.parse_args()
    try:
        if ":" not in options.reference.rsplit("/", 1)[-1]:
            raise Mistake(f"--reference {options.reference}: no tag; write NAME:TAG")
        entries = entries_of(options.tree)
        if options.root:
            write_root(entries, options.root)
            return 0
        content = archive(entries, options.reference, not options.plain)
        with open(options.archive, "wb") as file:
            file.write(content)
        print(f"{options.archive}: {options.reference}, {len(content) / 1e6:.1f} MB, {len(entries)} entries")
        return 0
    except (Mistake, OSError) as mistake:
        print(f"image.py: {mistake}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
