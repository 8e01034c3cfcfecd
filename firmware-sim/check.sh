#!/usr/bin/env bash
# Compiles the firmware, and the wire modules it stands on, as Embedded Swift for a bare Cortex-M4, and prints the text
# size of each module. Fails on any warning, and on any import of what a board does not have.
set -euo pipefail
cd "$(dirname "$0")/.."

# Each module after those it imports.
modules=(
  Sources/Wire/Octets Sources/Wire/Identifiers Sources/Wire/ISO7816 Sources/Wire/SecureChannel
  Sources/Wire/CardProtocol firmware-sim/CardFirmware Sources/Wire/SCSI firmware-sim/DriveFirmware
)

# The modules above, and Swift itself, are all that there is on a board.
known=$(printf '%s|' "${modules[@]##*/}")
known=${known%|}
strangers=$(grep -rnE --include='*.swift' '^[[:space:]]*(@[^ ]+ +)*((public|package|internal|fileprivate|private) +)?import +' \
  Sources/Wire firmware-sim | grep -vE "import +([a-z]+ +)?($known)\b" || true)
if [[ -n $strangers ]]; then
  printf 'Imports that no board has:\n%s\n' "$strangers" >&2
  exit 1
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

flags=(
  -target armv7em-none-none-eabi -swift-version 6 -warnings-as-errors -wmo -Osize -parse-as-library
  -enable-experimental-feature Embedded -enable-experimental-feature Lifetimes
  -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility
)

for folder in "${modules[@]}"; do
  name=${folder##*/}
  mapfile -d '' sources < <(find "$folder" -name '*.swift' -print0 | sort -z)
  if [[ ${#sources[@]} -eq 0 ]]; then
    echo "$folder: no sources" >&2
    exit 1
  fi
  swiftc "${flags[@]}" -module-name "$name" -I "$out" \
    -emit-module -emit-module-path "$out/$name.swiftmodule" -c "${sources[@]}" -o "$out/$name.o"
  octets=$(size "$out/$name.o" | awk 'NR == 2 { print $1 }')
  printf '%-15s %7d octets of text\n' "$name" "$octets"
done
