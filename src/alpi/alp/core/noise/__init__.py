"""Noise_XK_25519_ChaChaPoly_SHA256: one file for each object of the Noise specification (revision 34), under the names that it gives."""
