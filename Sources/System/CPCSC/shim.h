// pcsc-lite's client library (PC/SC Part 5 under its Linux names). pkg-config puts its folder on the search path.
#include <winscard.h>
#include <reader.h>
