// nbdkit's header for plugins, and inline wrappers of what Swift cannot call or set by itself.
#pragma once
#define NBDKIT_API_VERSION 2

// nbdkit itself brings these along when it loads the plugin. Weak, so that tests can link a plugin's parts without it.
#pragma weak nbdkit_error
#pragma weak nbdkit_debug
#pragma weak nbdkit_set_error
#pragma weak nbdkit_parse_bool
#pragma weak nbdkit_export_name
#pragma weak nbdkit_add_export
#pragma weak nbdkit_strdup_intern

#include <nbdkit-plugin.h>

// nbdkit_error(3), which is variadic.
static inline void warifu_nbdkit_error(const char *message) { nbdkit_error("%s", message); }

// nbdkit_debug(3), which is variadic.
static inline void warifu_nbdkit_debug(const char *message) { nbdkit_debug("%s", message); }

// What NBDKIT_REGISTER_PLUGIN fills in.
static inline void warifu_nbdkit_register(struct nbdkit_plugin *plugin, int thread_model) {
  plugin->_struct_size = sizeof *plugin;
  plugin->_api_version = NBDKIT_API_VERSION;
  plugin->_thread_model = thread_model;
}
