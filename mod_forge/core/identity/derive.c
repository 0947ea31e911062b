/* SPDX-License-Identifier: Apache-2.0
 * How one secret becomes a key for each purpose (HKDF-SHA-256, RFC 5869).
 */
#include "keys.h"
#include "identity.h"
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

/* One run of an initialised derivation. */
static bool hkdf_run(EVP_KDF_CTX *ctx, const forge_hkdf_t *in, unsigned char *out, apr_size_t out_len)
{
    int mode = in->prk ? EVP_KDF_HKDF_MODE_EXPAND_ONLY : EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
    OSSL_PARAM params[6], *p = params;
    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)in->ikm, in->ikm_len);
    if (in->salt != NULL && !in->prk)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)in->salt, in->salt_len);
    if (in->info != NULL)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)in->info, in->info_len);
    *p = OSSL_PARAM_construct_end();
    return EVP_KDF_derive(ctx, out, out_len, params) == 1;
}

bool forge_core_hkdf(const forge_hkdf_t *in, unsigned char *out, apr_size_t out_len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool done = ctx != NULL && hkdf_run(ctx, in, out, out_len);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done;
}

/* Stops the process when OpenSSL cannot derive: a key that is not there must never be taken for one of zeros. */
void forge_core_keys_derive_from(const forge_keys_t *keys, int secret, const char *purpose, unsigned char key[FORGE_KEY_BYTES])
{
    forge_hkdf_t in = {.ikm = keys->roots[secret], .ikm_len = FORGE_KEY_BYTES, .info = purpose, .info_len = strlen(purpose), .prk = true};
    if (!forge_core_hkdf(&in, key, FORGE_KEY_BYTES))
        abort();
}

void forge_core_keys_derive(const forge_keys_t *keys, const char *purpose, unsigned char key[FORGE_KEY_BYTES])
{
    forge_core_keys_derive_from(keys, 0, purpose, key);
}
