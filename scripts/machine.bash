# A small machine of the project's own in qemu (software emulation: no KVM is needed) with Debian's
# kernel, which scripts/test-boot and scripts/test-kernel share. To be sourced, in the project's
# root; what is downloaded and made stays in build/boot.
cache=build/boot

skip() {
    echo "$(basename "$0"): skipped: $1"
    exit 0
}

# What such a machine needs here; ends the script where it cannot be had.
prepare_machine() {
    [[ $(uname -m) == x86_64 ]] || skip "the machine of the test is an x86_64"
    scripts/setup boot || skip "qemu cannot be installed"
    mkdir -p "$cache"
    [[ ! -f $cache/vmlinuz || ! -f $cache/loop.ko ]] || return 0
    # The kernel for virtual machines: the package that the newest one's name stands for.
    local package files
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [[ -n $package ]] || skip "apt knows no linux-image-cloud-amd64"
    (cd "$cache" && apt-get download -q "$package" >/dev/null 2>&1) ||
        skip "$package cannot be downloaded"
    files=$(mktemp -d "$cache/XXXXXX")
    dpkg-deb --fsys-tarfile "$cache/$package"_*.deb |
        tar -x -C "$files" --wildcards './boot/vmlinuz-*' '*/drivers/block/loop.ko'
    # The kernel last, and with the module that was built for it.
    mv "$files"/lib/modules/*/kernel/drivers/block/loop.ko "$cache/loop.ko"
    mv "$files"/boot/vmlinuz-* "$cache/vmlinuz"
    rm -r "$files" "$cache/$package"_*.deb
}

# An empty root file system with busybox and the given first program.
begin_root() { # ROOT INIT
    rm -rf "$1"
    mkdir -p "$1/bin"
    cp "$(command -v busybox)" "$1/bin/busybox"
    install -m 755 "$2" "$1/init"
}

# Copies the libraries of files, and the loader, to where it will look for them.
add_libraries() { # ROOT FILE...
    ldd "${@:2}" | sed -n 's/.*\(=>\|\t\) *\(\/[^ :]*\) (.*/\2/p' | sort -u | while read -r library; do
        [[ -e $1$library ]] || install -D "$library" "$1$library"
    done
}

# Boots it; all is in its memory. What it says goes to build/boot/console.
boot() { # ROOT MEGABYTES SECONDS KERNEL_ARGUMENT...
    (cd "$1" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$cache/initramfs"
    timeout "$3" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m "$2" -smp 2,maxcpus=4 -nographic \
        -no-reboot -nic none -kernel "$cache/vmlinuz" -initrd "$cache/initramfs" \
        -append "console=ttyS0 quiet panic=-1 no_timer_check ${*:4}" </dev/null >"$cache/console" 2>&1 || true
}

# Lines of the console that begin with a text, without what the firmware put before them.
said() { grep -ao "$1.*" "$cache/console" | tr -d '\r'; }
