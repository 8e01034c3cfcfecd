#!/usr/bin/env bash
# The main job by warifu's public commands alone: demo.sh FOLDER, with warifu on the PATH.
#
# Each command is printed before it runs, and is what runs. A step says which exit code and which words it expects; the
# table at the end says what came, and the script ends with 1 if anything came otherwise.
set -uo pipefail

bold='' red='' green='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'; fi

stop() {
  echo "demo.sh: $1." >&2
  exit "${2:-1}"
}

# --- Steps ---------------------------------------------------------------------------------------------------------

rows=()
failures=0
output=''

# chapter TITLE
chapter() { printf '\n%s== %s ==%s\n' "$bold" "$1" "$plain"; }

# record WHAT EXPECTED GOT IS-RIGHT
record() {
  local verdict=ok
  if [[ $4 != yes ]]; then
    verdict=WRONG
    failures=$((failures + 1))
  fi
  rows+=("$(printf '%-46s %-13s %-13s %s' "$1" "$2" "$3" "$verdict")")
}

# step WHAT EXIT-CODE WORDS COMMAND: runs COMMAND, shows it and what it says; WORDS must be in that.
step() {
  local what=$1 expected=$2 words=$3 command=$4 code right=yes
  printf '\n%s$ %s%s\n' "$bold" "${command//$'\n'/$'\n'  }" "$plain"
  output=$(eval "$command" 2>&1)
  code=$?
  if [[ -n $output ]]; then fold -s -w 78 <<<"$output" | sed 's/^/  /'; fi
  if [[ $code -ne $expected || $output != *"$words"* ]]; then right=no; fi
  local name='done'
  if [[ $expected -ne 0 ]]; then name='refused'; fi
  record "$what" "$name ($expected)" "exit code $code" "$right"
  if [[ $right == no ]]; then
    printf '  %sexpected exit code %s and the words: %s%s\n' "$red" "$expected" "$words" "$plain"
  fi
}

# check WHAT EXPECTED GOT: compares what two commands said.
check() {
  local right=no
  if [[ -n $2 && $2 == "$3" ]]; then right=yes; fi
  record "$1" 'the same' "$(if [[ $right == yes ]]; then echo 'the same'; else echo another; fi)" "$right"
}

# --- Small tools ---------------------------------------------------------------------------------------------------

digest() { sha256sum <"$1" | cut -d ' ' -f 1; }

# member NAME: a text member of the JSON object on standard input.
member() { sed -n "s/.*\"$1\" : \"\\([^\"]*\\)\".*/\\1/p" | head -n 1; }

# places DIGITS FILE: where the octets of these hexadecimal digits occur. grep would look within lines, and a new line is an
# octet like any other here.
places() {
  perl -0777 -ne 'BEGIN { $octets = pack "H*", shift } $place = -1;
    print "$place\n" while ($place = index $_, $octets, $place + 1) >= 0' "$1" "$2"
}

# flip FILE OFFSET: flips the lowest bit of one octet.
flip() {
  local octet
  octet=$(od -An -v -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
  printf '%b' "\\x$(printf %02x $((octet ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc,nocreat status=none
}

# serve OPTION...: serves a disc in the background; $url is where, once it listens.
server='' url=''
serve() {
  printf '\n%s$ warifu disc serve %s &%s\n' "$bold" "$*" "$plain"
  warifu disc serve "$@" >served 2>&1 </dev/null &
  server=$!
  for _ in {1..600}; do
    url=$(sed -n 's/.*: listening at //p' served)
    if [[ -n $url ]] || ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
  done
  fold -s -w 78 served | sed 's/^/  /'
}

# leave: ends what is served.
leave() {
  kill "$server" 2>/dev/null
  wait "$server"
  check '  it ends when it is told to' 0 "$?"
  server=''
}
trap 'if [[ -n $server ]]; then kill "$server"; fi' EXIT

# first_share: of a copy's progress on a terminal, the first share in percent.
first_share() { tr '\r' '\n' | sed -n 's/^Copying .*  \([0-9]*\) %  .*/\1/p' | head -n 1; }

# --- Three real files of this machine --------------------------------------------------------------------------------

program=$(command -v openssl) || stop 'there is no openssl here; install openssl' 69
program=$(readlink -f "$program")
text=/usr/share/common-licenses/GPL-3
[[ -r $text ]] || stop "there is no $text here; name another text in Tests/Demo/demo.sh" 69
picture=$(find -L /usr/share -xdev \( -name '*.png' -o -name '*.jpg' -o -name '*.jpeg' \) -type f \
  -size +3k -size -4096k -printf '%s %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d ' ' -f 2-)
[[ -n $picture ]] || stop 'there is no picture in /usr/share; install libjs-jquery-ui, which brings some' 69
command -v warifu >/dev/null || stop 'there is no warifu on the PATH; run make demo' 69
# mkfs.vfat is where only root's PATH leads.
PATH=$PATH:/usr/sbin
for tool in xorriso:xorriso mkfs.vfat:dosfstools mcopy:mtools iscsi-inq:libiscsi-bin qemu-img:qemu-utils \
  nbdkit:nbdkit nbdinfo:libnbd-bin script:bsdutils; do
  command -v "${tool%:*}" >/dev/null || stop "there is no ${tool%:*} here; install ${tool#*:}" 69
done

# --- A fresh folder --------------------------------------------------------------------------------------------------

folder=${1:-}
[[ -n $folder ]] || stop 'give the folder to work in' 64
if [[ -e $folder ]]; then
  [[ -e $folder/.warifu-demo ]] || stop "$folder is there already and no demo's; choose another" 64
  rm -rf -- "$folder"
fi
if ! { mkdir -p -- "$folder" && cd -- "$folder" && touch .warifu-demo; }; then stop "cannot work in $folder"; fi

echo "The main job of $(command -v warifu), in $PWD."
cat <<'END'

Three files of this machine go onto the master disc:
END
printf '  %s\n' "$program" "$text" "$picture"
ln -s "$program" program
ln -s "$text" text
ln -s "$picture" picture

unset WARIFU_CENTER WARIFU_CARD WARIFU_DISC WARIFU_PASSPHRASE
echo
echo "${bold}\$ export WARIFU_CENTER=center WARIFU_PASSPHRASE=file:passphrase"
echo "\$ export WARIFU_CARD=alice.card WARIFU_DISC=disc.img XDG_DATA_HOME=\$PWD/data${plain}"
export WARIFU_CENTER=center WARIFU_PASSPHRASE=file:passphrase
export WARIFU_CARD=alice.card WARIFU_DISC=disc.img XDG_DATA_HOME=$PWD/data

# --- What works --------------------------------------------------------------------------------------------------------

chapter 'A licence centre, and a card'
step 'a passphrase' 0 '' 'openssl rand -hex 16 > passphrase'
step 'create a centre' 0 'Corner Shop' 'warifu center init center --name "Corner Shop"'
step 'make a blank card' 0 'blank' 'warifu card new alice.card'
step 'issue it: keys, certificates, PIN' 0 'issued' 'warifu card issue --purchaser Alice'
step 'print the PIN letter' 0 '' 'warifu card pin letter > letter
sed -n "s/^PIN  *\([0-9]*\)$/\1/p" letter > pin'
step 'register the program as a title' 0 'OpenSSL' \
  'warifu center title add --name OpenSSL --type program --price "5.00 EUR"'
step 'charge 5 codes onto the card' 0 '5 of 5' 'warifu card charge --title OpenSSL --count 5'
step 'hand one code over' 0 'Code' 'warifu card hand-over --index 0 --pin file:pin'
step 'four are left' 0 'handed over' 'warifu card codes'

chapter 'A master disc'
step 'press it from three files' 0 'OpenSSL' \
  'warifu master press master.iso --name "Spring disc" \
  --title "path=program,title=OpenSSL" \
  --title "path=text,name=GPL,type=text,price=1.00 EUR,version=3" \
  --title "path=picture,name=Picture,type=image,price=0.50 EUR"'
step 'list it with a foreign tool' 0 '.sealed' 'xorriso -indev master.iso -find / -type f 2>/dev/null'

chapter 'A disc, and a licensed copy on it'
step 'make a 128 MB disc' 0 '128 MB' 'warifu disc new disc.img --geometry 128'
step 'get the licence and write it (M4 to M6)' 0 'number 1' 'warifu copy license --title OpenSSL'
step 'certify: the card compares (M7)' 0 'the same' 'warifu copy certify --title OpenSSL --master master.iso'
step 'copy the ciphertext (M8)' 0 'Copied' 'warifu copy title --title OpenSSL --master master.iso'
step 'the disc holds title and licence' 0 'present' 'warifu disc list'

chapter 'The program runs from the disc, in memory (M10)'
step 'openssl says its version' 0 'OpenSSL' 'warifu run --title OpenSSL -- version'
step 'openssl computes a SHA-256' 0 '' 'warifu run --title OpenSSL -- dgst -r -sha256 < text'
check '  it is what sha256sum says' "$(digest text)" "${output%% *}"
step 'its own failure comes through' 1 'No such file' 'warifu run --title OpenSSL -- dgst -sha256 missing'
rows[-1]=${rows[-1]/refused (1)/exit code 1}
window=$(od -An -v -tx1 -j $(($(stat -c %s "$program") / 2)) -N 64 "$program" | tr -d ' \n')
check '  that window of the program is in the file' yes "$([[ -n $(places "$window" "$program") ]] && echo yes)"
check '  and nowhere on master disc or disc' yes \
  "$([[ -z $(places "$window" master.iso)$(places "$window" disc.img) ]] && echo yes)"

chapter 'Another disc, with room for ordinary files'
step 'make a 230 MB disc' 0 '20 MiB' 'warifu disc new big.img --geometry 230 --general-use 20'
step 'make a file system in its first partition' 0 '' 'mkfs.vfat -F 16 --offset=6144 -h 2048 big.img 20480'
step 'copy a letter there with mtools' 0 '' 'mcopy -i big.img@@3M letter ::letter.txt'

chapter 'The second way of copying: converted on its way (M11 to M15)'
step 'a film of 96 MiB' 0 '' 'head -c 96M /dev/urandom > film'
step 'press it for conversion' 0 'Film' \
  'warifu master press summer.iso --name "Summer disc" --profile conversion \
  --title "path=film,name=Film,type=video,price=2.00 EUR"'
step 'get its keys, wrapped for this disc' 0 'conversion keys' 'warifu copy license --title Film --disc big.img'
# In the background a shell has Ctrl-C ignored; the film comes in while the disc's image grows.
grown=$(($(stat -c %b big.img) + 32768))
step 'interrupt the copy on its way' 130 'goes on behind' \
  "env --default-signal=INT warifu copy title --title Film --master summer.iso --disc big.img &
while [ \$(stat -c %b big.img) -lt $grown ]; do sleep 0.01; done
kill -INT \$!; wait \$!"
rows[-1]=${rows[-1]/refused/stopped}
step '  the disc does not show it' 0 'not copied' 'warifu disc list --disc big.img'
step 'the same command goes on' 0 'Copied' \
  'script -qec "warifu copy title --title Film --master summer.iso --disc big.img" terminal'
share=$(first_share <terminal)
check '  where it was' yes "$([[ ${share:-0} -gt 5 ]] && echo yes)"
step 'everything on the disc is compared' 0 'whole' 'warifu disc check --contents --disc big.img'
step 'the film is what it was' 0 '' 'warifu show --title Film --disc big.img | cmp - film'

chapter 'A licence for what the drive says, not the host'
step 'a drive with an identity' 0 'WRF-1' 'warifu center drive new drive.identity --serial WRF-1'
step 'want the disc attested, without a drive' 65 'drive that the centre has certified' \
  'warifu copy license --title GPL --attested --disc big.img'
step 'with the drive' 0 'number' 'warifu copy license --title GPL --attested --disc big.img --drive drive.identity'
step 'copy the text without the drive' 65 'use such a drive' \
  'warifu copy title --title GPL --master master.iso --disc big.img'
step 'with the drive' 0 'Copied' \
  'warifu copy title --title GPL --master master.iso --disc big.img --drive drive.identity'
step 'read it without the drive' 65 'use such a drive' 'warifu show --title GPL --disc big.img'
step 'with the drive' 0 '' 'warifu show --title GPL --disc big.img --drive drive.identity | cmp - text'

chapter 'The disc in a drive for other programs'
serve --iscsi --type 00h --port 0 --disc big.img
step 'iscsi-inq sees the drive' 0 'WARIFU' "iscsi-inq $url"
step 'qemu-img reads its blocks' 0 '' "qemu-img convert -O raw $url blocks"
check '  they are those of the image' "$(digest blocks)" \
  "$(tail -c +2097153 big.img | head -c "$(stat -c %s blocks)" | sha256sum | cut -d ' ' -f 1)"
step '  the letter is among them' 0 '' 'mtype -i blocks@@1M ::letter.txt | cmp - letter'
leave
serve --nbd --socket disc.sock --disc big.img
step 'nbdinfo sees both exports' 0 'the medium id' "nbdinfo --list '$url'"
step 'nbdcopy reads the medium id' 0 '' "nbdcopy '${url/\?/id?}' id"
leave
check '  that id is what the disc says' "$(warifu disc id big.img --json | member mediumID)" \
  "M-$(od -An -v -tx1 id | tr -d ' \n' | tr a-f A-F)"

# --- What must not work ---------------------------------------------------------------------------------------------------

chapter 'Refused: the same bits on another disc'
step 'make a second disc' 0 '128 MB' 'warifu disc new other.img --geometry 128'
step 'copy all blocks bit by bit' 0 '' \
  'dd if=disc.img of=other.img bs=1M skip=2 seek=2 conv=notrunc status=none'
check '  the blocks are the same' "$(tail -c +2097153 disc.img | sha256sum)" "$(tail -c +2097153 other.img | sha256sum)"
step 'run it from the second disc' 65 'another disc' 'warifu run --title OpenSSL --disc other.img -- version'

chapter 'Refused: a bit flipped in the certificate code'
license=$(warifu disc license --title OpenSSL --json)
code=$(member certificateCode <<<"$license")
cp disc.img flipped.img
printf '\nflipped.img is disc.img, but for one bit in each copy of the code\n%s\n' "$code"
copies=0
for place in $(places "$code" flipped.img); do
  flip flipped.img "$place"
  copies=$((copies + 1))
done
check '  flip it in both copies on the disc' 2 "$copies"
step 'run it with the flipped code' 65 'licence' 'warifu run --title OpenSSL --disc flipped.img -- version'

# CERTIFY COPY as docs/card-protocol.md has it; every part but the code is as on the disc.
certify() {
  local medium
  medium=$(member mediumID <<<"$license")
  printf '80140000 6C 8010%s 8110%s 820A%s 8328%s 8410%s' "$(member softwareID <<<"$license" | cut -c 3-)" \
    "${medium#M-}" "$(member terms <<<"$license")" "$(member wrappedCertificationKey <<<"$license")" "$1"
}
last=${code: -1}
flipped=${code%?}$(printf %X $((16#$last ^ 1)))
certify "$code" >right.apdu
certify "$flipped" >flipped.apdu
step 'ask the card itself, code as it is' 0 '9000' 'warifu apdu send - < right.apdu'
step 'ask the card itself, one bit flipped' 1 '6982' 'warifu apdu send - < flipped.apdu'

chapter 'Refused: another card'
step 'make and issue a second card' 0 'issued' 'warifu card new bob.card > /dev/null &&
warifu card issue --purchaser Bob --card-file bob.card'
step 'run it with the second card' 65 'use that card' 'warifu run --title OpenSSL --card-file bob.card -- version'

chapter 'Refused: a title without a licence'
before=$(digest disc.img)
step 'copy the text, which is not licensed' 65 'get one from the centre' 'warifu copy title --title GPL --master master.iso'
check '  not one octet of the disc changed' "$before" "$(digest disc.img)"

chapter 'Refused: a licence altered by hand'
step 'save the licence to a file' 0 'number 1' 'warifu disc license --title OpenSSL --save openssl.licence'
cp openssl.licence altered.licence
# The first octet of the number, behind the record's head and the field's: licence 1 becomes another.
flip altered.licence 14
step 'write the altered licence to the disc' 65 'not signed by' 'warifu copy install altered.licence'
check '  not one octet of the disc changed' "$before" "$(digest disc.img)"
step 'the true one still goes' 0 'number 1' 'warifu copy install openssl.licence'

chapter 'The books'
step 'the centre adds up' 0 'sound' 'warifu center verify'
step 'and knows what Alice owes' 0 '-33.00 EUR' 'warifu center card list'

# --- What was done and refused -----------------------------------------------------------------------------------------------

chapter 'What was done, and what was refused'
echo
printf '%-46s %-13s %-13s %s\n' STEP EXPECTED CAME ''
for row in "${rows[@]}"; do
  case $row in
    *WRONG) printf '%s%s%s\n' "$red" "$row" "$plain" ;;
    *) printf '%s%s%s%s\n' "${row%ok}" "$green" ok "$plain" ;;
  esac
done
echo
if [[ $failures -gt 0 ]]; then
  echo "${red}$failures of ${#rows[@]} came otherwise.${plain}"
  exit 1
fi
echo "${green}All ${#rows[@]} as expected.${plain}"
