/**
 * What sets a model apart from other decoder-only transformers, and its sizes, as its configuration
 * says.
 */
package dev.serval.models.decoder.traits;
