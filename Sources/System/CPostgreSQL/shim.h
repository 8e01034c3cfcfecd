// PostgreSQL's client library, libpq. pkg-config puts its folder on the search path.
#include <libpq-fe.h>
