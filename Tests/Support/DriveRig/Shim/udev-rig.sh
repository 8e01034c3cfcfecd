#!/bin/bash
# Shows what udev makes of a SCSI drive that is not there: udev-rig.sh TYPE RULES WARIFU SHIM URL.
#
# In a mount namespace of its own there is a sysfs with one logical unit of peripheral device type TYPE (its block device
# sdzz with a partition, sg77 and a bsg device), an empty /dev and /run, the machine's own rules, RULES among them, and
# WARIFU where the rules look for it; whatever it opens is the iSCSI logical unit at URL, through SHIM. Nothing outside of
# the namespace changes. Prints what `udevadm test` says of each device, behind a line "== DEVICE", then all links.
set -eu
type=$1 rules=$2 warifu=$3 shim=$4 url=$5
if [ -z "${UDEV_RIG_INSIDE:-}" ]; then
  as_root=(); if [ "$(id -u)" -ne 0 ]; then as_root=(--map-root-user); fi
  UDEV_RIG_INSIDE=1 exec unshare "${as_root[@]}" --mount --propagation private "$0" "$@"
fi

private=$(mktemp -d); trap 'umount /usr/lib/udev 2>/dev/null; rm -rf "$private"' EXIT
mkdir "$private/udev"
cp -R /usr/lib/udev/rules.d "$private/udev/"
cp -L "$rules" "$private/udev/rules.d/"
ln -s "$warifu" "$private/udev/warifu"
mount --bind "$private/udev" /usr/lib/udev

mount -t tmpfs none /run
mount -t tmpfs none /dev
# Who is root here only may not make devices: then files serve, since the shim stands for the drive.
mknod -m 666 /dev/null c 1 3 || touch /dev/null
mknod -m 660 /dev/sdzz b 8 32000 || touch /dev/sdzz
mknod -m 660 /dev/sdzz1 b 8 32001 || touch /dev/sdzz1
mount -t tmpfs none /sys
unit=/sys/devices/pci0000:00/0000:00:05.0/host7/target7:0:0/7:0:0:0
device() { # FOLDER CLASS then lines of its uevent file
  mkdir -p "$1" "/sys/class/$2"
  ln -s "/sys/class/$2" "$1/subsystem"
  ln -s "$1" "/sys/class/$2/${1##*/}"
  printf '%s\n' "${@:3}" > "$1/uevent"
}
mkdir -p /sys/bus/scsi/devices "$unit"
ln -s /sys/bus/scsi "$unit/subsystem"
ln -s "$unit" /sys/bus/scsi/devices/7:0:0:0
printf '%s\n' "DEVTYPE=scsi_device" > "$unit/uevent"
echo "$type" > "$unit/type"
device "$unit/block/sdzz" block MAJOR=8 MINOR=32000 DEVNAME=sdzz DEVTYPE=disk
device "$unit/block/sdzz/sdzz1" block MAJOR=8 MINOR=32001 DEVNAME=sdzz1 DEVTYPE=partition PARTN=1
device "$unit/scsi_generic/sg77" scsi_generic MAJOR=21 MINOR=77 DEVNAME=sg77
device "$unit/bsg/7:0:0:0" bsg MAJOR=248 MINOR=77 DEVNAME=bsg/7:0:0:0

# Programs that udev runs have the device's properties as their environment.
mkdir -p /run/udev/rules.d
echo "ENV{LD_PRELOAD}=\"$shim\", ENV{WARIFU_SHIM_DEVICE}=\"/dev/sdzz\", ENV{WARIFU_SHIM_URL}=\"$url\"" \
  > /run/udev/rules.d/00-shim.rules
export SYSTEMD_DEVICE_VERIFY_SYSFS=0
for path in block/sdzz block/sdzz1 scsi_generic/sg77 bsg/7:0:0:0; do
  echo "== ${path##*/}"
  udevadm test --action="${UDEV_RIG_ACTION:-add}" "/sys/class/$path" 2>&1
done
echo "== links"
find /dev -type l -printf '%P -> %l\n'
