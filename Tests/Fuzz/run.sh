#!/usr/bin/env bash
# Builds every fuzz target with libFuzzer and AddressSanitizer and runs each for SECONDS, two at a time.
#
#   Tests/Fuzz/run.sh SECONDS [target...]     fuzzes
#   Tests/Fuzz/run.sh --runs N [target...]    fuzzes with so many inputs each
#   Tests/Fuzz/run.sh --pdus N target...      fuzzes until so many PDUs were received, by targets that count them (iscsi-*)
#   Tests/Fuzz/run.sh --merge [target...]     takes into the corpora what the runs before found worth keeping
#
# An input that fails is saved under .build/fuzz/findings; `.build/fuzz/TARGET INPUT` runs it again.
set -euo pipefail
cd "$(dirname "$0")/../.."

# libFuzzer tells where it stopped; Swift's own backtrace reads memory that AddressSanitizer guards.
export SWIFT_BACKTRACE=enable=no

work=.build/fuzz
corpora=Tests/Fuzz/Corpus
jobs=${WARIFU_FUZZ_JOBS:-2}
what=${1:?usage: run.sh SECONDS|--runs N|--pdus N|--merge [target...]}
shift
case $what in
  --merge) limit= ;;
  --runs)
    limit=-runs=${1:?--runs wants a number}
    shift
    ;;
  --pdus)
    export WARIFU_FUZZ_PDUS=${1:?--pdus wants a number}
    limit=-runs=-1
    shift
    ;;
  *) limit=-max_total_time=$what ;;
esac
mapfile -t targets < <(find "$corpora" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)
if (($#)); then targets=("$@"); fi

# Each module after those it imports.
modules=(
  Sources/Wire/Octets Sources/Wire/Identifiers Sources/Wire/ISO7816 Sources/Wire/SecureChannel
  Sources/Wire/CardProtocol firmware-sim/CardFirmware Sources/Wire/SCSI Sources/Wire/ISCSI firmware-sim/DriveFirmware
  Sources/Cryptography Tests/Fuzz/Targets Tests/Fuzz/Main
)
sanitizers=fuzzer,address
flags=(
  -swift-version 6 -warnings-as-errors -O -g -wmo -parse-as-library "-sanitize=$sanitizers"
  -enable-experimental-feature Lifetimes -enable-upcoming-feature ExistentialAny
  -enable-upcoming-feature MemberImportVisibility
  -I Sources/System/COpenSSL -I Sources/System/CLinux -I "$work"
)

build() {
  local folder name objects=() sources
  mkdir -p "$work"
  for folder in "${modules[@]}"; do
    name=${folder##*/}
    case $name in Targets | Main) name=Fuzz$name ;; esac
    mapfile -d '' sources < <(find "$folder" -name '*.swift' -print0 | sort -z)
    swiftc "${flags[@]}" -module-name "$name" -emit-module -emit-module-path "$work/$name.swiftmodule" \
      -c "${sources[@]}" -o "$work/$name.o"
    objects+=("$work/$name.o")
  done
  swiftc -use-ld=lld "-sanitize=$sanitizers" "${objects[@]}" -lcrypto -o "$work/fuzz"
  for name in "${targets[@]}"; do ln -f "$work/fuzz" "$work/$name"; done
}

# The firmware's buffers are as long as its longest command; what is longer only repeats what is refused already.
declare -A longest=([atr]=64 [apdu]=1024 [tlv]=1024 [frame]=256 [channel-card]=600 [channel-host]=600 [card]=4096
  [drive]=4096 [iscsi-pdu]=4096 [iscsi-login]=4096)

run() {
  local target=$1 log=$work/$1.log
  mkdir -p "$work/found/$target" "$work/findings"
  if ! "$work/$target" "$limit" -max_len="${longest[$target]:-1024}" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$work/findings/$target-" \
    "$work/found/$target" "$corpora/$target" >"$log" 2>&1; then
    {
      printf '%s failed:\n' "$target"
      grep -aE 'Fatal error|ERROR|SUMMARY|Test unit written' "$log" | head -20
      printf 'Run it again: %s/%s INPUT (inputs are in %s/findings, the whole log is %s)\n' \
        "$work" "$target" "$work" "$log"
    } >&2
    return 1
  fi
  printf '%-13s %10s inputs%s, coverage %s, %s worth keeping, no findings\n' "$target" \
    "$(grep -aoP 'number_of_executed_units: \K\d+' "$log")" "$(grep -aoP 'stat::pdus: \K\d+' "$log" | sed 's/.*/ with & PDUs/')" \
    "$(grep -aoP 'cov: \K\d+' "$log" | tail -1)" \
    "$(find "$work/found/$target" -type f | wc -l)"
}

merge() {
  local target=$1 merged
  merged=$(mktemp -d "$work/merged.XXXXXX")
  mkdir -p "$work/found/$target"
  # The fewest inputs that reach every edge; how often they do so is for the runs themselves to vary.
  "$work/$target" -set_cover_merge=1 -use_counters=0 -max_len="${longest[$target]:-1024}" "$merged" "$corpora/$target" "$work/found/$target" \
    >"$work/$target-merge.log" 2>&1
  rm -rf "${corpora:?}/$target"
  mv "$merged" "$corpora/$target"
  chmod 755 "$corpora/$target"
  printf '%-13s %d inputs, %d octets\n' "$target" "$(find "$corpora/$target" -type f | wc -l)" \
    "$(find "$corpora/$target" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')"
}

build
failed=0
if [[ $what == --merge ]]; then
  for target in "${targets[@]}"; do merge "$target"; done
else
  running=0
  for target in "${targets[@]}"; do
    if ((running == jobs)); then
      wait -n || failed=1
      running=$((running - 1))
    fi
    run "$target" &
    running=$((running + 1))
  done
  while ((running > 0)); do
    wait -n || failed=1
    running=$((running - 1))
  done
fi
exit "$failed"
