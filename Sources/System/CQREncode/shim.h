// QR codes, by libqrencode. pkg-config puts its folder on the search path.
#include <qrencode.h>
