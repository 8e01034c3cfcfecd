#pragma once
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Macros that Swift cannot import, under names of ours.

// EVP_PKEY_KEYPAIR: private and public half.
static const int warifu_keypair = EVP_PKEY_KEYPAIR;
// EVP_PKEY_PUBLIC_KEY: public half only.
static const int warifu_public_key = EVP_PKEY_PUBLIC_KEY;
